"""What happens when two things compute at once, by turns in many rounds. Imports no torch.

In each round: a training alone, two at once, one beside a busy program, a question alone, a question during a
training. The trainings are real runs, carried out as a worker does; the question goes to the real answering
worker. The time of a step is that from one step's end to the next one's, waiting included. A ratio is taken
within a round, so that a slower minute of the machine meets both sides.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import median

from core.bench.markdown import table
from core.bench.records import Record, read_record, write
from core.evaluate.uncertainty import median_interval

NAME = "contention"
ROUNDS = 6
"""With fewer, the interval of a median says nothing."""
CONDITIONS = {
    "alone": "a training alone",
    "two": "each of two trainings at once",
    "busy": "a training beside a program that uses 60 % of a core",
    "asked alone": "a question alone",
    "asked": "a question during a training",
}
MOST_TWO, MOST_LONGEST, MOST_ASKED = 2.1, 3.0, 1.5
"""The aims: of two trainings each takes at most so many times as long as one alone, with no step over so many
times their median; a question during a training at most so many times as long as one alone."""


@dataclass(frozen=True, kw_only=True)
class Timed:
    condition: str
    round: int
    seconds: tuple[float, ...]
    """Of each step; of a question, until its last token."""
    first_s: float | None = None
    """Of a question: until its first token."""


@dataclass(frozen=True, kw_only=True)
class Contention(Record):
    timed: tuple[Timed, ...]

    def rounds(self, condition: str) -> dict[int, list[Timed]]:
        found: dict[int, list[Timed]] = {}
        for one in self.timed:
            if one.condition == condition and one.seconds:
                found.setdefault(one.round, []).append(one)
        return found

    def all_seconds(self, condition: str) -> list[float]:
        return [s for one in self.timed if one.condition == condition for s in one.seconds]


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """How many times as long something takes; the median over n rounds with its 95 % interval."""

    title: str
    value: float
    low: float
    high: float
    n: int
    at_most: float | None = None

    @property
    def verdict(self) -> str:
        if self.at_most is None:
            return ""
        if self.n < ROUNDS:
            return "not decided: too few rounds"
        if self.high <= self.at_most:
            return "met"
        return "missed" if self.low > self.at_most else "not decided"


def ratios(found: Contention) -> list[Ratio]:
    """Each condition against its lone one, then the longest step of two trainings against their median."""
    rows = [
        _ratio(found, "two", "alone", MOST_TWO),
        _ratio(found, "busy", "alone", None),
        _ratio(found, "asked", "asked alone", MOST_ASKED),
        _longest(found, "two", MOST_LONGEST),
    ]
    return [row for row in rows if row]


def _ratio(found: Contention, condition: str, against: str, at_most: float | None) -> Ratio | None:
    """In each round the slower of two trainings counts."""
    usual, rounds = found.rounds(against), found.rounds(condition)
    values = [
        max(median(one.seconds) for one in group) / median(usual[number][0].seconds)
        for number, group in rounds.items()
        if number in usual
    ]
    title = f"{CONDITIONS[condition]}, against {CONDITIONS[against]}"
    return _over_rounds(title, values, at_most)


def _longest(found: Contention, condition: str, at_most: float) -> Ratio | None:
    """The longest step of all rounds: no interval, it is a maximum."""
    seconds = found.all_seconds(condition)
    if not seconds:
        return None
    value = max(seconds) / median(seconds)
    title = f"longest step of {CONDITIONS[condition]}, against their median"
    n = len(found.rounds(condition))
    return Ratio(title=title, value=value, low=value, high=value, n=n, at_most=at_most)


def _over_rounds(title: str, values: Sequence[float], at_most: float | None) -> Ratio | None:
    if not values:
        return None
    low, high = median_interval(values)
    return Ratio(
        title=title, value=median(values), low=low, high=high, n=len(values), at_most=at_most
    )


def finding(found: Contention) -> str:
    """One sentence, for a heading."""
    rows = [row for row in ratios(found) if row.at_most]
    missed = [row.title for row in rows if row.verdict == "missed"]
    if missed:
        return f"Too slow: {'; '.join(missed)}"
    if rows and all(row.verdict == "met" for row in rows):
        return "Two at once take turns, and a question does not wait for a training"
    return "Not decided on this machine"


def headline(found: Contention) -> str:
    """One sentence: how many times as long a training and a question take, each with its interval."""
    told = {
        "Each of two trainings at once": _ratio(found, "two", "alone", MOST_TWO),
        "a question during a training": _ratio(found, "asked", "asked alone", MOST_ASKED),
    }
    parts = [
        f"{what} takes {row.value:.2f} times as long as alone ({row.low:.2f} to {row.high:.2f})"
        for what, row in told.items()
        if row
    ]
    return ", ".join(parts) or "Nothing was measured"


def markdown(found: Contention) -> str:
    """What each condition takes, and the ratios beside the aims."""
    times = [
        (title, f"{median(seconds):.2f} s", f"{max(seconds):.2f} s", f"{len(seconds)}")
        for condition, title in CONDITIONS.items()
        if (seconds := found.all_seconds(condition))
    ]
    aims = [
        (
            row.title,
            f"{row.value:.2f}",
            f"{row.low:.2f} to {row.high:.2f}" if row.low < row.high else "–",
            f"{row.at_most:g}" if row.at_most else "–",
            row.verdict or "–",
        )
        for row in ratios(found)
    ]
    disturbed = found.stamp.disturbed
    said = f"**Disturbed.** {' '.join(disturbed)}\n\n" if disturbed else ""
    return (
        f"# What happens when two things compute at once?\n\n{said}{finding(found)}.\n\n"
        f"{table(('step or question', 'median', 'longest', 'measured'), times)}\n\n"
        f"{table(('times as long', 'median', '95 %', 'aim: at most', 'verdict'), aims)}\n\n"
        f"{found.where} Made with `{found.command}`.\n"
    )


def save(found: Contention, folder: Path) -> None:
    """Write contention.json and contention.md; `UserError` when the disk refuses."""
    write(folder / f"{NAME}.json", json.dumps(asdict(found), indent=1, ensure_ascii=False) + "\n")
    write(folder / f"{NAME}.md", markdown(found))


@cache
def recorded() -> Contention | None:
    """What comes with the app; None when there is nothing."""
    return read_record(Contention, NAME)
