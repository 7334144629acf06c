"""Carrying out what core/bench/contention.py describes: the processes, their rounds, and the times of their steps."""

import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from core.bench.contention import CONDITIONS, ROUNDS, Contention, Timed
from core.errors import UserError
from core.generate.settings import SamplingSettings
from core.paths import ROOT
from core.quiet import Watch
from core.runs.messages import Generate
from core.runs.pipe import line_of, request_line
from core.runs.store import RunStore
from core.stamp import Stamp
from core.typed_json import read

STEPS = 12
"""Of a run; the first also measures its memory and is not counted."""
MANY_STEPS = 5_000
"""Of a run that goes on until it is stopped."""
QUESTION = "Write a short story about a lighthouse keeper and a whale."
ANSWER_TOKENS = 40


@dataclass(frozen=True, kw_only=True)
class Line:
    """What a training (core/bench/contention_process.py) or the answering worker says."""

    event: str = ""
    at_s: float = 0.0
    """When a step ended."""
    dtype: str = ""
    device: str = ""
    threads: int = 0
    reason: str = ""
    error: str = ""
    kind: str = ""
    """Of an answer's message."""
    done: bool = False


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
        threads=about.threads,
        timed=tuple(timed),
        stamp=Stamp.now(dtype=about.dtype, device=about.device, quiet=watch.found),
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
        self.about = Line()
        """What it said at the end of its last run."""

    def send(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def heard(self) -> Line:
        """Its next message; `UserError` with its words when it fails or ends."""
        assert self.process.stdout
        for line in self.process.stdout:
            try:
                message = read(Line, json.loads(line))
            except ValueError:
                continue  # a library printed something
            if reason := message.reason or message.error:
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
        return self.heard().at_s

    def steps(self) -> list[float]:
        """When each step of the run ended, up to the run's end."""
        found: list[float] = []
        while (message := self.heard()).event == "step":
            found.append(message.at_s)
        self.about = message
        return found

    # Of an answering worker

    def ask(self, model: str, *, n_tokens: int = ANSWER_TOKENS) -> tuple[float, float]:
        """Seconds to the first and to the last token."""
        settings = SamplingSettings(max_new_tokens=n_tokens)
        request = Generate(model=model, text=QUESTION, settings=settings)
        began, first_s = time.monotonic(), 0.0
        self.send(json.dumps(line_of(request_line(1, request))))
        while not (message := self.heard()).done:
            if message.kind:
                first_s = first_s or time.monotonic() - began
        return first_s, time.monotonic() - began


def _started(*words: str) -> AbstractContextManager["_Process"]:
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
