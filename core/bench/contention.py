"""What happens when two things compute at once, by turns in many rounds. Imports no torch.

In each round: a training alone, two at once, one beside a busy program, a question alone, a question during a
training. The trainings are real runs, carried out as a worker does; the question goes to the real answering
worker. The time of a step is that from one step's end to the next one's, waiting included. A ratio is taken
within a round, so that a slower minute of the machine meets both sides.
"""

import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from core.bench.markdown import table
from core.bench.records import read_record, write
from core.errors import UserError
from core.evaluate.uncertainty import median_interval
from core.generate.settings import SamplingSettings
from core.paths import ROOT
from core.quiet import Watch
from core.runs.messages import Generate, request_to_json
from core.runs.store import RunStore
from core.stamp import Stamp

NAME = "contention"
ROUNDS = 6
"""With fewer, the interval of a median says nothing."""
STEPS = 12
"""Of a run; the first also measures its memory and is not counted."""
MANY_STEPS = 5_000
"""Of a run that goes on until it is stopped."""
QUESTION = "Write a short story about a lighthouse keeper and a whale."
ANSWER_TOKENS = 40
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
class Contention:
    command: str
    model: str
    threads: int
    timed: tuple[Timed, ...]
    stamp: Stamp = field(default_factory=Stamp)

    @property
    def where(self) -> str:
        """Sentences for a caption."""
        on = f"Recorded on {self.stamp.at[:10]} on {self.stamp.machine}, {self.threads} threads."
        return f"{on} {self.stamp.words}"

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


def measure(
    *,
    model: str,
    command: str,
    watch: Watch,
    rounds: int = ROUNDS,
    on_progress: Callable[[str], None] = lambda text: None,
) -> Contention:
    """Carry it all out. `UserError` where a process fails."""
    timed: list[Timed] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        url = f"sqlite:///{(folder / 'runs.sqlite3').as_posix()}"
        store = RunStore(url)
        first, second = (
            stack.enter_context(_started("train", "--store", url, "--model", model))
            for _ in range(2)
        )
        asker = stack.enter_context(_process([sys.executable, "-m", "core.runs.worker", "ask"]))
        for training in (first, second):  # loads and warms up
            training.train(2)
        asker.ask(model, n_tokens=2)
        on_progress("All processes are warm.")
        for number in range(1, rounds + 1):
            for one in _round(first, second, asker, store, model, number):
                timed.append(one)
                watch.look()
            on_progress(f"round {number} of {rounds}: {_in_words(timed, number)}")
        about = first.about
    return Contention(
        command=command,
        model=model,
        threads=about.get("threads", 0),
        timed=tuple(timed),
        stamp=Stamp.now(
            dtype=about.get("dtype", ""), device=about.get("device", ""), quiet=watch.found
        ),
    )


def _round(
    first: "_Process",
    second: "_Process",
    asker: "_Process",
    store: RunStore,
    model: str,
    number: int,
) -> Iterator[Timed]:
    yield Timed(condition="alone", round=number, seconds=tuple(_gaps(first.train(STEPS))))
    for steps in _two(first, second, store):
        yield Timed(condition="two", round=number, seconds=tuple(steps))
    with _started("busy"):
        yield Timed(condition="busy", round=number, seconds=tuple(_gaps(first.train(STEPS))))
    first_s, seconds = asker.ask(model)
    yield Timed(condition="asked alone", round=number, seconds=(seconds,), first_s=first_s)
    first.begin(MANY_STEPS)
    for _ in range(2):
        first.step()
    first_s, seconds = asker.ask(model)
    _stop(store)
    first.steps()
    yield Timed(condition="asked", round=number, seconds=(seconds,), first_s=first_s)


def _two(first: "_Process", second: "_Process", store: RunStore) -> Iterator[list[float]]:
    """Of each, the seconds of its steps while both trained."""
    for training in (first, second):
        training.begin(MANY_STEPS)
    ends = {training: [training.step()] for training in (first, second)}
    both_from = max(steps[0] for steps in ends.values())
    for training, steps in ends.items():
        while sum(end > both_from for end in steps) < STEPS:
            steps.append(training.step())
    _stop(store)
    for training, steps in ends.items():
        steps += training.steps()
    both_to = min(steps[-1] for steps in ends.values())
    for steps in ends.values():
        yield _gaps(steps, (both_from, both_to))


def _stop(store: RunStore) -> None:
    for run in store.active():
        store.request_stop(run.id)


def _gaps(steps: Sequence[float], within: tuple[float, float] = (0.0, float("inf"))) -> list[float]:
    """Seconds from each step's end to the next one's, while both processes trained."""
    low, high = within
    pairs = itertools.pairwise(steps)
    return [b - a for a, b in pairs if a >= low and b <= high]


class _Process:
    """One that talks in JSON lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.about: dict[str, Any] = {}

    def send(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def heard(self) -> Mapping[str, Any]:
        """Its next message; `UserError` with its words when it fails or ends."""
        assert self.process.stdout
        for line in self.process.stdout:
            try:
                message = json.loads(line)
            except json.JSONDecodeError:
                continue  # a library printed something
            if reason := message.get("reason") or message.get("error"):
                raise UserError(f"Contention could not be measured: {reason}")
            return message
        raise UserError("Contention could not be measured: a process ended unexpectedly.")

    # Of a training

    def begin(self, n_steps: int) -> None:
        self.send(str(n_steps))

    def train(self, n_steps: int) -> list[float]:
        self.begin(n_steps)
        return self.steps()

    def step(self) -> float:
        """When its next step ended."""
        return self.heard()["at_s"]

    def steps(self) -> list[float]:
        """When each step of the run ended, up to the run's end."""
        found: list[float] = []
        while (message := self.heard())["event"] == "step":
            found.append(message["at_s"])
        self.about = dict(message)
        return found

    # Of an answering worker

    def ask(self, model: str, *, n_tokens: int = ANSWER_TOKENS) -> tuple[float, float]:
        """Seconds to the first and to the last token."""
        settings = SamplingSettings(max_new_tokens=n_tokens)
        request = Generate(model=model, text=QUESTION, settings=settings)
        began, first_s = time.monotonic(), 0.0
        self.send(json.dumps({"request": 1, **request_to_json(request)}))
        while not (message := self.heard()).get("done"):
            if "kind" in message:
                first_s = first_s or time.monotonic() - began
        return first_s, time.monotonic() - began


def _started(*words: str) -> Any:
    return _process([sys.executable, "-m", "core.bench.contention_process", *words])


@contextmanager
def _process(command: Sequence[str]) -> Generator[_Process]:
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            yield _Process(process)
        finally:
            process.kill()


def _in_words(timed: Sequence[Timed], number: int) -> str:
    now = [one for one in timed if one.round == number and one.seconds]
    return ", ".join(f"{CONDITIONS[one.condition]} {median(one.seconds):.2f} s" for one in now)


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
