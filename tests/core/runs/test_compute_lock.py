"""Real processes that compute by turns: fair, a question first, and nobody waits for the dead."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from core.paths import ROOT
from core.runs import compute_lock
from core.runs.compute_lock import ComputeLock, in_turns

MANY = 10_000
"""Threads: no machine has cores for two such processes."""
PIECE_S = 0.03
OTHER = """
import json, sys, time
from contextlib import nullcontext
from pathlib import Path
from core.runs import compute_lock
folder, role, n, constants = sys.argv[1:]
for name, value in json.loads(constants).items():
    setattr(compute_lock, name, value)
lock = compute_lock.ComputeLock(n_threads=10_000, folder=Path(folder))
with lock.answering() if role == "asks" else nullcontext():
    lock.turn()
    print(json.dumps("computes"), flush=True)
    sys.stdin.readline()
    if role == "asks":
        lock.release()
        sys.stdin.readline()
    for _ in range(int(n)):
        lock.turn()
        began = time.monotonic()
        time.sleep(0.03)
        print(json.dumps([began, time.monotonic()]), flush=True)
    lock.release()
sys.stdin.readline()
"""


class Other:
    """Another process of the app: it takes the lock, waits for a line, then computes n pieces."""

    def __init__(self, folder: Path, role: str, n: int, **constants: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OTHER, str(folder), role, str(n), json.dumps(constants)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def heard(self) -> Any:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def go_on(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Callable[..., Other]]:
    started: list[Other] = []

    def start(role: str = "trains", n: int = 0, **constants: float) -> Other:
        started.append(Other(tmp_path, role, n, **constants))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[ComputeLock]:
    lock = ComputeLock(n_threads=MANY, folder=tmp_path)
    yield lock
    lock.release()


def piece(lock: ComputeLock) -> tuple[float, float]:
    lock.turn()
    began = time.monotonic()
    time.sleep(PIECE_S)
    return began, time.monotonic()


def owners(mine: list[tuple[float, float]], theirs: list[tuple[float, float]]) -> str:
    """Who computed each piece, in order, while both had work; such as "mtmtm"."""
    both_from, both_to = max(mine[0][0], theirs[0][0]), min(mine[-1][1], theirs[-1][1])
    every = sorted([(*p, "m") for p in mine] + [(*p, "t") for p in theirs])
    return "".join(who for began, ended, who in every if began >= both_from and ended <= both_to)


@pytest.mark.thorough
def test_two_trainings_compute_by_turns(
    other: Callable[..., Other], mine: ComputeLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute_lock, "SLICE_S", PIECE_S / 2)
    second = other(n=20, SLICE_S=PIECE_S / 2)
    assert second.heard() == "computes"
    second.go_on()
    ours = [piece(mine) for _ in range(20)]
    mine.release()
    theirs = [tuple(second.heard()) for _ in range(20)]
    every = sorted(ours + theirs)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(every)), "both at once"
    order = owners(ours, theirs)
    changes = sum(a != b for a, b in itertools.pairwise(order))
    assert len(order) >= 20
    assert changes >= 0.7 * (len(order) - 1), order  # a loaded machine may be late for a turn


@pytest.mark.thorough
def test_a_turn_lasts_a_slice(other: Callable[..., Other], mine: ComputeLock) -> None:
    """Short pieces, such as the tokens of answers, do not each wait for another's training step."""
    second = other(n=40)
    assert second.heard() == "computes"
    second.go_on()
    ours = [piece(mine) for _ in range(40)]
    mine.release()
    order = owners(ours, [tuple(second.heard()) for _ in range(40)])
    changes = sum(a != b for a, b in itertools.pairwise(order))
    assert 1 <= changes <= len(order) / 4, order


@pytest.mark.thorough
def test_a_question_comes_before_training_steps(
    other: Callable[..., Other], mine: ComputeLock
) -> None:
    training = other(n=30, SLICE_S=0.0, LONGEST_WAIT_S=30.0)
    assert training.heard() == "computes"
    training.go_on()
    training.heard()  # it is at it
    began = time.monotonic()
    tokens = list(in_turns((piece(mine) for _ in range(15)), mine))
    ended = time.monotonic()
    steps = [training.heard() for _ in range(29)]
    between = [s for s in steps if tokens[0][0] < s[0] and s[1] < tokens[-1][1]]
    assert between == [], "a step came between two tokens"
    first_wait = [s for s in steps if began < s[0] < tokens[0][0]]
    assert len(first_wait) <= 2, "the question waited for more than the step at hand"
    assert any(s[0] > ended for s in steps), "training goes on after it"


@pytest.mark.thorough
def test_questions_do_not_starve_a_training(other: Callable[..., Other], mine: ComputeLock) -> None:
    training = other(n=6, SLICE_S=0.0, LONGEST_WAIT_S=0.1)
    assert training.heard() == "computes"
    training.go_on()
    steps: list[Any] = []

    def tokens() -> Iterator[None]:
        while time.monotonic() < end:
            yield piece(mine) and None

    end = time.monotonic() + 4
    list(in_turns(tokens(), mine))
    steps = [training.heard() for _ in range(6)]
    assert steps[-1][1] < end + 1, "it got no step in time"


@pytest.mark.thorough
def test_a_long_question_goes_on_by_turns(
    other: Callable[..., Other], mine: ComputeLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute_lock, "FIRST_S", 0.2)
    monkeypatch.setattr(compute_lock, "SLICE_S", 0.0)
    training = other(n=8, SLICE_S=0.0, LONGEST_WAIT_S=30.0)
    assert training.heard() == "computes"
    training.go_on()
    tokens = list(in_turns((piece(mine) for _ in range(40)), mine))
    steps = [training.heard() for _ in range(8)]
    assert any(tokens[0][0] < s[0] and s[1] < tokens[-1][1] for s in steps)


@pytest.mark.thorough
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("role", ["trains", "asks"])
def test_what_a_killed_process_held_is_free(
    role: str, other: Callable[..., Other], mine: ComputeLock
) -> None:
    killed = other(role)
    assert killed.heard() == "computes"
    killed.process.send_signal(signal.SIGKILL)
    killed.process.wait()
    began = time.monotonic()
    mine.turn()
    assert mine._computing.is_locked
    assert time.monotonic() - began < compute_lock.LONGEST_WAIT_S


@pytest.mark.thorough
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_suspended_process_is_not_waited_for(
    other: Callable[..., Other], mine: ComputeLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute_lock, "PATIENCE_S", 0.3)
    mine._patience_s = 0.3
    suspended = other()
    assert suspended.heard() == "computes"
    suspended.process.send_signal(signal.SIGSTOP)
    waits: list[float] = []
    for _ in range(3):
        began = time.monotonic()
        mine.turn()  # computes without
        waits.append(time.monotonic() - began)
        assert not mine._computing.is_locked
    assert waits[0] >= 0.3 > min(waits[1:])
    suspended.process.send_signal(signal.SIGCONT)
    suspended.go_on()
    end = time.monotonic() + 20
    while not mine._computing.is_locked and time.monotonic() < end:
        mine.turn()
    assert mine._computing.is_locked
    assert mine._patience_s == 0.3, "patient again"


@pytest.mark.thorough
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_suspended_question_holds_no_training_back(
    other: Callable[..., Other], mine: ComputeLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute_lock, "LONGEST_WAIT_S", 0.3)
    monkeypatch.setattr(compute_lock, "SLICE_S", 0.0)
    asks = other("asks")
    assert asks.heard() == "computes"
    asks.go_on()
    while not compute_lock._is_free(mine._computing):  # until it waits for its reader
        time.sleep(0.01)
    asks.process.send_signal(signal.SIGSTOP)
    waits: list[float] = []
    for _ in range(4):
        began = time.monotonic()
        mine.turn()
        waits.append(time.monotonic() - began)
    assert waits[0] >= 0.3
    assert min(waits[1:]) < 0.3


def test_alone_nothing_waits(mine: ComputeLock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda s: pytest.fail("it sleeps"))
    monkeypatch.setattr(compute_lock, "SLICE_S", 0.0)
    acquired: list[str] = []
    acquire = FileLock.acquire
    monkeypatch.setattr(
        FileLock,
        "acquire",
        lambda self, *a, **k: acquired.append(self.lock_file) or acquire(self, *a, **k),
    )
    for _ in range(10):
        mine.turn()
        mine.release()
    assert len(acquired) <= 3 * 10, "a step alone looks at each of the three locks once"
    acquired.clear()
    list(in_turns((mine.turn() for _ in range(10)), mine))
    assert len(acquired) <= 1 + 4 * 11


def test_processes_that_fit_side_by_side_need_no_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute_lock, "n_cores", lambda: 8)
    assert not ComputeLock(n_threads=4, folder=tmp_path).is_needed
    assert ComputeLock(n_threads=5, folder=tmp_path).is_needed
    free = ComputeLock(n_threads=4, folder=tmp_path)
    free.turn()
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_it_computes(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    lock = ComputeLock(n_threads=MANY, folder=tmp_path / "file")
    lock.turn()
    lock.release()
    assert not lock.is_needed


def test_a_failing_question_lets_go(mine: ComputeLock, tmp_path: Path) -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        list(in_turns(failing(), mine))
    second = ComputeLock(n_threads=MANY, folder=tmp_path)
    assert compute_lock._is_free(second._question)
    assert compute_lock._is_free(second._computing)
