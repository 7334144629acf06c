"""Carry out one run: train, record every event in the store, keep the artifact. Needs torch.

Used by worker processes and by `python -m core train`; both leave the same record.
"""

import contextlib
import logging
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core.config import RunConfig
from core.errors import Stopped, UserError
from core.events import Evaluation, Event, Failed, Finished, Started, Step
from core.events import Stopped as StoppedEvent
from core.models.load import LoadedModel
from core.runs import artifacts
from core.runs.base_results import BaseResults
from core.runs.identity import identity_in, remember_machine
from core.runs.states import IllegalTransition
from core.runs.store import Run, RunStore, RunSummary
from core.train.loop import Trained, train

log = logging.getLogger(__name__)


def execute(
    run: Run,
    store: RunStore,
    load_base: Callable[[RunConfig], LoadedModel],
    *,
    on_event: Callable[[Event], None] = lambda event: None,
    keep_weights: bool = True,
) -> None:
    """Run to the end, and leave the run finished, stopped or failed with a plain reason.

    `on_event` sees each event after it is recorded. Without `keep_weights` only the record stays.
    Raises nothing but KeyboardInterrupt, which stops the run first.
    """

    def record(event: Event) -> None:
        store.append(run.id, event)
        on_event(event)

    def fail(reason: str) -> None:
        with contextlib.suppress(UserError):  # a full disk may refuse the event, or the run is gone
            record(Failed(run_id=run.id, reason=reason))
        with contextlib.suppress(UserError, IllegalTransition):
            store.fail(run.id, reason)

    try:
        _train_and_keep(run, store, load_base, record, keep_weights=keep_weights)
    except Stopped as stopped:
        if isinstance(stopped.partial, Trained):
            stopped.partial.save(store.artifact_dir(run.id))
        record(StoppedEvent(run_id=run.id))
        store.stop(run.id, "Stopped by the reader.")
    except KeyboardInterrupt:
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


def _save(trained: Trained, folder: Path, *, keep: bool) -> int:
    """Write what the run leaves behind; returns its size. Without `keep` it is gone again then."""
    if keep:
        trained.save(folder)
        return artifacts.size_bytes(folder)
    with tempfile.TemporaryDirectory() as passing:
        trained.save(Path(passing))
        return artifacts.size_bytes(Path(passing))


def _train_and_keep(
    run: Run,
    store: RunStore,
    load_base: Callable[[RunConfig], LoadedModel],
    record: Callable[[Event], None],
    *,
    keep_weights: bool,
) -> None:
    asked_at, stop = 0.0, False

    def should_stop() -> bool:
        """Ask the store at most five times a second."""
        nonlocal asked_at, stop
        now = time.monotonic()
        if now - asked_at > 0.2:
            asked_at, stop = now, store.stop_requested(run.id)
        return stop

    base = load_base(run.config)
    device, dtype = base.device.type, str(base.dtype).removeprefix("torch.")
    remember_machine(device=device, dtype=dtype if run.config.dtype == "auto" else "")
    identity = identity_in(run.config, device=device, dtype=dtype)
    store.identify(run.id, identity)
    results = BaseResults(identity)
    results.recall(base)
    scores, first_scores = dict[str, float](), dict[str, float]()
    training = train(run.config, base, should_stop=should_stop)
    finished: Finished | None = None
    while True:
        try:
            event = next(training)
        except StopIteration as end:
            trained: Trained = end.value
            break
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
    artifact_bytes = _save(trained, store.artifact_dir(run.id), keep=keep_weights)
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
