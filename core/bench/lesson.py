"""Where the time of the lesson of catastrophic forgetting goes, from the click to the finished run. Imports no torch.

The lesson's own run (core/experiments/collapse.py) goes through the real queue to real workers, as from the
page, in a data folder of its own. It is timed with a warm worker and a cold one, each with and without the
base model's kept answers (core/runs/base_results.py). The time before an event of the run is counted to what
the event tells; so the parts add up to the whole.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from statistics import median

from core.bench.markdown import table
from core.bench.records import read_record, rows_json, write
from core.config import RunConfig
from core.errors import UserError
from core.events import Event, Finished, Started, Step
from core.paths import cache_dir, data_dir
from core.quiet import Watch
from core.runs.engines.local import LocalEngine
from core.runs.identity import identity_of
from core.runs.store import Run, RunStore
from core.stamp import Stamp
from core.typed_json import read

NAME = "lesson"
SCENARIOS = {
    ("warm", "kept"): "warm worker, base answers kept",
    ("warm", "computed"): "warm worker, base answers computed",
    ("cold", "kept"): "cold worker, base answers kept",
    ("cold", "computed"): "cold worker, base answers computed",
}
ROUNDS = 3
LONGEST_S = 600
POLL_S = 0.2
MOST_S, MOST_ANSWERS, MOST_FIRST_LOSS_S = 20.0, 0.35, 1.5
"""The aims with a warm worker that knows the base model's answers: seconds from click to finished, answers as a
share of the steps' time, seconds to the first loss."""
PARTS = {
    "queue_s": "queue",
    "load_s": "load",
    "steps_s": "steps",
    "answers_s": "answers",
    "saving_s": "saving",
}
"""Fields of a run that add up to its time, in words."""
AT_CHECKS = ("validation", "evaluation", "partial_evaluation", "sample", "next_tokens", "movement")
"""Events of a check: the time before them went into answers and what else is measured there."""


@dataclass(frozen=True, kw_only=True)
class Timed:
    """One run."""

    worker: str
    """Warm, or cold: its process starts at the click."""
    base: str
    """The base model's answers: kept, or computed."""
    round: int
    queue_s: float
    """From the click until the worker takes the run; of a cold one, until it is there."""
    load_s: float
    """Until the data are encoded and the method is attached."""
    steps_s: float
    checks: tuple[tuple[int, float], ...]
    """(step, seconds) of each check."""
    saving_s: float
    total_s: float
    first_loss_s: float
    first_score_s: float
    last_loss: float
    scores: dict[str, float]
    """At the end, by task: they and the loss must be the same each time."""

    @property
    def answers_s(self) -> float:
        return sum(seconds for _, seconds in self.checks)

    @property
    def answers_share(self) -> float:
        """Of the steps' time."""
        return self.answers_s / self.steps_s


@dataclass(frozen=True, kw_only=True)
class Lesson:
    command: str
    model: str
    steps: int
    timed: tuple[Timed, ...]
    stamp: Stamp = field(default_factory=Stamp)

    @property
    def where(self) -> str:
        """Sentences for a caption."""
        return f"Recorded on {self.stamp.at[:10]} on {self.stamp.machine}. {self.stamp.words}"


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
        elif isinstance(event, Step) or steps_s:
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


def is_same(found: Lesson) -> bool:
    """Whether all runs came to the same loss and scores, as they must."""
    return len({(one.last_loss, tuple(one.scores.items())) for one in found.timed}) < 2


def by_scenario(found: Lesson) -> dict[str, list[Timed]]:
    """The runs of each scenario that was measured, by its words."""
    return {
        words: ours
        for key, words in SCENARIOS.items()
        if (ours := [one for one in found.timed if (one.worker, one.base) == key])
    }


def finding(found: Lesson) -> str:
    """One sentence: how long the reader waits, and the largest share of it."""
    words, ours = next(iter(by_scenario(found).items()))
    total, first = (
        median(getattr(one, name) for one in ours) for name in ("total_s", "first_loss_s")
    )
    share = median(one.answers_share for one in ours)
    return (
        f"With a {words}, {found.steps} steps take {total:.1f} s from click to finished, the first loss is "
        f"there after {first:.1f} s, and answers take {100 * share:.0f} % of the steps’ time"
    )


@dataclass(frozen=True, kw_only=True)
class Aim:
    """A median over the runs, with the lowest and the highest, beside what it should be at most."""

    title: str
    value: float
    low: float
    high: float
    n: int
    at_most: float

    @property
    def verdict(self) -> str:
        """Decided only where all runs agree, and there are enough."""
        if self.n < ROUNDS:
            return "not decided: too few runs"
        if self.high <= self.at_most:
            return "met"
        return "missed" if self.low > self.at_most else "not decided"


def aims(found: Lesson) -> list[Aim]:
    """Of the runs with a warm worker and kept answers; [] without such."""
    ours = by_scenario(found).get(SCENARIOS["warm", "kept"], [])
    measured: list[tuple[str, float, list[float]]] = [
        ("seconds from click to finished", MOST_S, [one.total_s for one in ours]),
        ("seconds to the first loss", MOST_FIRST_LOSS_S, [one.first_loss_s for one in ours]),
        ("answers’ share of the steps’ time", MOST_ANSWERS, [one.answers_share for one in ours]),
    ]
    return [
        Aim(
            title=title,
            value=median(values),
            low=min(values),
            high=max(values),
            n=len(values),
            at_most=at_most,
        )
        for title, at_most, values in measured
        if values
    ]


def medians(found: Lesson) -> dict[str, dict[str, float]]:
    """Seconds of each part in each scenario."""
    return {
        words: {part: median(getattr(one, name) for one in ours) for name, part in PARTS.items()}
        for words, ours in by_scenario(found).items()
    }


def headline(found: Lesson) -> str:
    """One sentence: how long the reader waits, with the range over the runs."""
    words, ours = next(iter(by_scenario(found).items()))
    totals = [one.total_s for one in ours]
    runs = f" ({min(totals):.1f} to {max(totals):.1f} in {len(totals)} runs)"
    took = f"{median(totals):.1f} s{runs if len(totals) > 1 else ''}"
    return f"From click to finished, the lesson of forgetting takes {took} with a {words}"


def markdown(found: Lesson) -> str:
    """A table of where the time goes."""
    rows: list[tuple[str, ...]] = []
    for words, ours in by_scenario(found).items():

        def middle(value: Callable[[Timed], float], ours: list[Timed] = ours) -> str:
            return f"{median(map(value, ours)):.2f}"

        steps = [step for step, _ in ours[0].checks]
        each = ", ".join(
            f"{step}: {middle(lambda one, step=step: dict(one.checks).get(step, 0.0))}"
            for step in steps
        )
        rows.append(
            (
                words,
                f"{len(ours)}",
                middle(lambda one: one.queue_s),
                middle(lambda one: one.load_s),
                middle(lambda one: one.steps_s),
                middle(lambda one: one.answers_s),
                each,
                f"{100 * median(one.answers_share for one in ours):.0f} %",
                middle(lambda one: one.saving_s),
                middle(lambda one: one.total_s),
                middle(lambda one: one.first_loss_s),
            )
        )
    head = (
        "with", "runs", "queue", "load", "steps", "answers", "at step", "of the steps", "saving", "total",
        "first loss",
    )  # fmt: skip
    disturbed = found.stamp.disturbed
    said = f"**Disturbed.** {' '.join(disturbed)}\n\n" if disturbed else ""
    same = "" if is_same(found) else "**The runs differ in loss or scores, which must not be.**\n\n"
    return (
        f"# Where the lesson’s time goes\n\n{said}{same}{finding(found)}.\n\n{table(head, rows)}\n\n"
        f"Seconds, medians over the runs. {found.where} Made with `{found.command}`.\n"
    )


def to_json(found: Lesson) -> str:
    """JSON, one run a line."""
    return rows_json(asdict(found), "timed")


def from_json(text: str) -> Lesson:
    return read(Lesson, json.loads(text))


def save(found: Lesson, folder: Path) -> None:
    """Write lesson.json and lesson.md; `UserError` when the disk refuses."""
    write(folder / f"{NAME}.json", to_json(found))
    write(folder / f"{NAME}.md", markdown(found))


@cache
def recorded() -> Lesson | None:
    """The lesson's times that come with the app; None when there are none."""
    return read_record(Lesson, NAME)
