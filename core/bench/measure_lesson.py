"""Carrying out what core/bench/lesson.py describes: runs by workers of their own, and where their time went."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.bench.lesson import ROUNDS, SCENARIOS, Lesson, Timed
from core.config import RunConfig
from core.errors import UserError
from core.events import Event, Finished, Memory, Started, Step
from core.paths import cache_dir, data_dir
from core.quiet import Watch
from core.runs.engines.local import LocalEngine
from core.runs.identity import identity_of
from core.runs.store import Run, RunStore
from core.stamp import Stamp

LONGEST_S = 600
POLL_S = 0.2
AT_CHECKS = ("validation", "evaluation", "partial_evaluation", "sample", "next_tokens", "movement")
"""Events of a check: the time before them went into answers and what else is measured there."""


def measure(
    *,
    config: RunConfig,
    command: str,
    watch: Watch,
    rounds: int = ROUNDS,
    scenarios: Sequence[tuple[str, str]] = tuple(SCENARIOS),
    on_progress: Callable[[str], None] = lambda text: None,
) -> Lesson:
    """Carry it all out; `UserError` where a run fails."""
    timed: list[Timed] = []
    machine = ("", "")
    with own_home():
        identity_of(
            config
        )  # the model's files are read for their checksum once, not at every click
        for number in range(1, rounds + 1):
            for worker, base in scenarios:
                if base == "computed":
                    forget_base()
                found, machine = _run(config, worker, base, number)
                timed.append(found)
                watch.look()
                on_progress(f"{SCENARIOS[worker, base]}: {found.total_s:.1f} s")
    device, dtype = machine
    stamp = Stamp.now(device=device, dtype=dtype, quiet=watch.found)
    return Lesson(
        command=command,
        model=config.model,
        steps=config.optimizer.steps,
        timed=tuple(timed),
        stamp=stamp,
    )


@contextmanager
def own_home() -> Generator[None]:
    """An empty data folder, with the models that are prepared."""
    before = os.environ.get("TUNING_FORK_HOME")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        (Path(folder) / "cache").symlink_to(cache_dir(), target_is_directory=True)
        os.environ["TUNING_FORK_HOME"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["TUNING_FORK_HOME"]
            else:
                os.environ["TUNING_FORK_HOME"] = before


def forget_base() -> None:
    """Drop the kept answers; a worker that knows them must be gone."""
    shutil.rmtree(data_dir() / "base_results", ignore_errors=True)


def _run(config: RunConfig, worker: str, base: str, number: int) -> tuple[Timed, tuple[str, str]]:
    """One run by workers of its own, and (device, dtype)."""
    if base == "kept" and not any((data_dir() / "base_results").glob("*")):
        _run(config, worker, "computed", number)
    engine = LocalEngine(RunStore())
    try:
        if worker == "warm":
            _wait(lambda: engine.is_warm("train") and engine.is_warm("ask"))
        clicked = time.time()
        run = engine.submit(config)
        _wait(lambda: engine.store.get(run.id).status.is_over)
        run = engine.store.get(run.id)
        if run.status != "finished":
            raise UserError(f"The lesson's run {run.status}: {run.reason}")
        events = engine.store.events(run.id)
        at = [message["at"] for message in engine.store.messages(run.id)]
        started = next(e for e in events if isinstance(e, Started))
        found = timeline(run, events, at, clicked=clicked, worker=worker, base=base, number=number)
        return found, (started.device, started.dtype)
    finally:
        engine.close()


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LONGEST_S
    while not condition():
        if time.monotonic() > end:
            raise UserError(f"The lesson took longer than {LONGEST_S} s; the machine is too busy.")
        time.sleep(POLL_S)


def timeline(
    run: Run,
    events: Sequence[Event],
    at: Sequence[float],
    *,
    clicked: float,
    worker: str,
    base: str,
    number: int,
) -> Timed:
    """Where the time of a finished run went; its events came `at` these times (s)."""
    assert run.started_at is not None
    assert run.ended_at is not None
    load_s = steps_s = saving_s = 0.0
    checks: dict[int, float] = {}
    before = run.started_at
    for event, now in zip(events, at, strict=True):
        spent, before = now - before, now
        if event.type in AT_CHECKS:
            step = int(getattr(event, "step", 0))
            checks[step] = checks.get(step, 0.0) + spent
        elif isinstance(event, Finished):
            saving_s += spent
        elif isinstance(event, Step | Memory) or steps_s:  # the first step's memory comes before it
            steps_s += spent
        else:
            load_s += spent
    seen = [(event.type, now - clicked) for event, now in zip(events, at, strict=True)]
    return Timed(
        worker=worker,
        base=base,
        round=number,
        queue_s=run.started_at - clicked,
        load_s=load_s,
        steps_s=steps_s,
        checks=tuple(checks.items()),
        saving_s=saving_s + run.ended_at - before,
        total_s=run.ended_at - clicked,
        first_loss_s=next(s for kind, s in seen if kind == "step"),
        first_score_s=next(s for kind, s in seen if kind == "evaluation"),
        last_loss=[e.loss for e in events if isinstance(e, Step)][-1],
        scores=run.summary.scores if run.summary else {},
    )
