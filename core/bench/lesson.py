"""Where the time of the lesson of catastrophic forgetting goes, from the click to the finished run. Imports no torch.

The lesson's own run (core/experiments/collapse.py) goes through the real queue to real workers, as from the
page, in a data folder of its own. It is timed with a warm worker and a cold one, each with and without the
base model's kept answers (core/runs/base_results.py). The time before an event of the run is counted to what
the event tells; so the parts add up to the whole.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from statistics import median

from core.bench.markdown import table
from core.bench.records import read_record, rows_json, write
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
        return self.stamp.where()


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
