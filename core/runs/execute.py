"""Carry out one run: train, record every event in the store, keep the artifact. Needs torch.

Used by worker processes and by `python -m core train`; both leave the same record.
"""

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from core.config import RunConfig
from core.errors import Stopped, UserError
from core.events import Evaluation, Event, Failed, Finished, Started, Step
from core.events import Stopped as StoppedEvent
from core.models.load import LoadedModel
from core.runs import artifacts, attempts, unfinished
from core.runs.base_results import BaseResults
from core.runs.beginnings import beginning_of
from core.runs.compute_lock import ComputeLock
from core.runs.identity import identity_in, remember_machine
from core.runs.liveness import beating
from core.runs.states import IllegalTransition
from core.runs.store import Run, RunStore, RunSummary
from core.train.progress import Progress
from core.train.training import Trained, train

log = logging.getLogger(__name__)


def execute(
    run: Run,
    store: RunStore,
    load_base: Callable[[RunConfig], LoadedModel],
    *,
    on_event: Callable[[Event], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
    keep_weights: bool = True,
) -> None:
    """Run to the end, and leave the run finished, stopped or failed with a plain reason.

    One that goes on from where another was stopped (core/runs/unfinished.py) has its events already.
    `on_event` sees each event after it is recorded. `should_stop` is asked at every step, like the store. Without `keep_weights` only the record stays.
    Raises nothing but KeyboardInterrupt, which stops the run first.
    """

    def record(event: Event) -> None:
        store.append(run.id, event)
        on_event(event)

    def end(event: Event, as_recorded: Callable[[str, str], None], reason: str) -> None:
        with contextlib.suppress(UserError):  # a full disk may refuse the event, or the run is gone
            record(event)
        with contextlib.suppress(UserError, IllegalTransition):
            as_recorded(run.id, reason)

    def fail(reason: str) -> None:
        end(Failed(run_id=run.id, reason=reason), store.fail, reason)

    n_before = 0
    try:
        try:
            with beating(lambda: store.heartbeat(run.id)) as was_ended:
                n_before = len(store.messages(run.id))
                _train_and_keep(
                    run,
                    store,
                    load_base,
                    record,
                    was_ended=was_ended,
                    is_to_stop=should_stop,
                    keep_weights=keep_weights,
                )
            with contextlib.suppress(OSError):
                unfinished.remove(run.id)
        except Stopped as stopped:
            reason, n_events = "Stopped by the reader.", 0
            if isinstance(stopped.partial, Trained):
                try:
                    _save(stopped.partial, run.id, keep=keep_weights)
                    if keep_weights and (progress := stopped.partial.progress):
                        unfinished.keep(run.id, progress.save)
                        n_events = n_before + progress.mark.n_events
                except UserError as error:
                    reason = f"{reason} {error}"
            end(StoppedEvent(run_id=run.id, n_events=n_events), store.stop, reason)
    except KeyboardInterrupt:
        with contextlib.suppress(UserError, IllegalTransition):
            store.stop(run.id, "Stopped from the keyboard.")
        raise
    except IllegalTransition:
        log.warning("run %s was ended from outside", run.id)
    except UserError as error:
        fail(str(error))
    except (MemoryError, RuntimeError) as error:
        log.exception("run %s failed", run.id)
        fail(explain(error))
    except Exception as error:
        log.exception("run %s failed", run.id)
        fail(f"Something we did not foresee: {type(error).__name__}: {error}")


def explain(error: Exception) -> str:
    """A sentence for an error of torch or the machine."""
    text = str(error)
    if isinstance(error, MemoryError) or "alloc" in text or "out of memory" in text:
        return (
            "The machine has too little free memory for this run. "
            "Choose LoRA, a smaller batch size or shorter texts, and run it again."
        )
    return f"Training failed: {text.splitlines()[0] if text else type(error).__name__}"


def _save(trained: Trained, run_id: str, *, keep: bool) -> int:
    """Write what the run leaves behind; returns its size. Without `keep` it is gone again then."""
    with artifacts.saving(run_id, keep=keep) as folder:
        trained.save(folder)
        return artifacts.size_bytes(folder)


def _gone_on_from(run: Run, store: RunStore) -> tuple[Progress | None, list[Event]]:
    """Where the run goes on, and what happened before; None for one that begins.

    `UserError` for one that has the events of a stopped run, but no longer what that kept.
    """
    before = store.events(run.id)
    if not before or any(map(attempts.is_lost, before)):
        return None, []
    if not unfinished.is_kept(run.id):
        raise UserError(unfinished.GONE)
    return Progress.load(unfinished.path_of(run.id)), before


def _start(run: Run, store: RunStore) -> Path | None:
    """Where the weights lie that the run begins with; None for those of the base model."""
    before = beginning_of(run.config, store)
    if before is None:
        return None
    folder = store.artifact_dir(before.id)
    artifacts.verify(before.id)
    return folder


def _train_and_keep(
    run: Run,
    store: RunStore,
    load_base: Callable[[RunConfig], LoadedModel],
    record: Callable[[Event], None],
    *,
    was_ended: Callable[[], bool],
    is_to_stop: Callable[[], bool],
    keep_weights: bool,
) -> None:
    asked_at, stop = 0.0, False
    lock = ComputeLock(n_threads=torch.get_num_threads())

    def should_stop() -> bool:
        """Wait for our turn to compute; ask the store at most five times a second."""
        nonlocal asked_at, stop
        lock.turn()
        now = time.monotonic()
        if now - asked_at > 0.2:
            asked_at, stop = now, was_ended() or store.stop_requested(run.id)
        return stop or is_to_stop()

    base = load_base(run.config)
    device, dtype = base.device.type, str(base.dtype).removeprefix("torch.")
    remember_machine(device=device, dtype=dtype if run.config.dtype == "auto" else "")
    identity = identity_in(run.config, device=device, dtype=dtype)
    store.identify(run.id, identity)
    results = BaseResults(identity)
    results.recall(base)
    progress, before = _gone_on_from(run, store)
    scores, first_scores = dict[str, float](), dict[str, float]()
    for event in before:
        if isinstance(event, Evaluation):
            scores[event.task] = event.score
            first_scores.setdefault(event.task, event.score)
    training = train(
        run.config, base, should_stop=should_stop, progress=progress, start=_start(run, store)
    )
    finished: Finished | None = None
    while True:
        try:
            event = next(training)
        except StopIteration as end:
            trained: Trained = end.value
            break
        finally:
            lock.release()
        if isinstance(event, Started):
            event = replace(event, run_id=run.id)
        if isinstance(event, Evaluation):
            scores[event.task] = event.score
            first_scores.setdefault(event.task, event.score)
        if isinstance(event, Step) and event.step == 1:  # the base was measured before
            results.keep(base)
        if isinstance(event, Finished):  # recorded once the weights are saved
            finished = replace(event, run_id=run.id)
            continue
        record(event)
    assert finished is not None
    artifact_bytes = _save(trained, run.id, keep=keep_weights)
    record(finished)
    summary = RunSummary(
        scores=scores,
        first_scores=first_scores,
        steps=finished.steps,
        stopped_early=finished.stopped_early,
        trainable_params=finished.trainable_params,
        total_params=finished.total_params,
        peak_memory_mb=finished.peak_memory_mb,
        elapsed_s=finished.elapsed_s,
        train_s=finished.train_s,
        artifact_bytes=artifact_bytes,
    )
    store.finish(run.id, summary)
