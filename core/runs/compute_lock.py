"""One process of the app computes at a time: two that each fill all cores wait for each other at every product.

Three locks of the operating system in the data folder, so that a process that dies lets go of them:

    computing   held by the process that computes
    next        held by the process that waits for it: who has just computed queues behind
    question    held while a question is answered: training steps wait so long

    lock = ComputeLock()
    lock.turn()      # before each piece of work: a training step, the next token of all answers
    ...              # compute
    lock.release()   # before anything that is not computing: saving, waiting for whoever reads

A lock changes when something is computed, never what. Whoever waits in vain, because the process in front was
suspended or the folder knows no locks, computes without.
"""

import os
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from core.paths import data_dir

T = TypeVar("T")
SLICE_S = 0.25
"""A process computes so long before it lets the next one: about a training step."""
LONGEST_WAIT_S = 3.0
"""A training waits no longer for questions before each step: so it takes at most a tenth of their time."""
FIRST_S = 10.0
"""A question comes first for so long; one that takes longer (a whole test set) goes on by turns."""
PATIENCE_S = 10.0
"""Who holds a lock for longer is suspended, or at something that takes very long: others go on without."""
IMPATIENCE_S = 0.05
"""As long is then waited in each turn, until the lock is free again."""
POLL_S = 0.02
"""Between two looks at a lock, at first: each look takes a moment from the threads of whoever computes."""
SOON_S = 0.2
"""After so long the lock may be free any moment (see `SLICE_S`)."""
SOON_POLL_S = 0.004


def n_cores() -> int:
    """That this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class ComputeLock:
    """This process's view of the locks; for one thread."""

    def __init__(self, *, n_threads: int, folder: Path | None = None) -> None:
        """`n_threads` of this process: where the cores do for two of its kind, none need wait."""
        self.is_needed = 2 * n_threads > n_cores()
        folder = folder or data_dir()
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        self._computing = _lock(folder / "computing.lock")
        self._next = _lock(folder / "computing-next.lock")
        self._question = _lock(folder / "computing-question.lock")
        self._since_s = 0.0
        self._asked_at: float | None = None
        self._patience_s = PATIENCE_S
        self._has_waited_long = False
        self._is_question_stuck = False

    @contextmanager
    def answering(self) -> Generator[None]:
        """Inside, the work is a question's: it comes before training steps."""
        self._asked_at = time.monotonic()
        try:
            yield
        finally:
            self._asked_at = None
            self.release()
            self._question.release()

    def turn(self) -> None:
        """Wait until this process may compute. What it holds it keeps for `SLICE_S`, unless a question waits."""
        if not self.is_needed:
            return
        try:
            if not self._computing.is_locked:
                self._take()
            elif self._is_over():
                self.release()
                self._take()
        except (OSError, NotImplementedError):  # no folder, no room, no locks here
            self.is_needed = False
            self.release()

    def release(self) -> None:
        """Let others compute; nothing where nothing is held."""
        with suppress(OSError):
            self._computing.release()

    def _is_over(self) -> bool:
        if time.monotonic() - self._since_s > SLICE_S:
            return True
        return self._asked_at is None and not self._has_waited_long and self._is_asked()

    def _take(self) -> None:
        if self._asked_at is None:
            self._let_questions_first()
        else:
            self._come_first(self._asked_at)
        has_got = _within(self._next, self._patience_s)
        try:
            has_got = has_got and _within(self._computing, self._patience_s)
        finally:
            self._next.release()
        self._patience_s = PATIENCE_S if has_got else IMPATIENCE_S
        self._since_s = time.monotonic()

    def _come_first(self, asked_at: float) -> None:
        """Hold trainings back. Where another question does already, that serves this one too."""
        if time.monotonic() - asked_at > FIRST_S:
            self._question.release()
        elif not self._question.is_locked:
            _within(self._question, 2 * POLL_S)  # a training may be looking at it

    def _let_questions_first(self) -> None:
        end = time.monotonic() + LONGEST_WAIT_S
        self._has_waited_long = False
        while self._is_asked():
            if time.monotonic() > end:
                self._has_waited_long = True
                # Who answers computes nearly all the time: one that does not is suspended.
                self._is_question_stuck = _is_free(self._computing)
                return
            time.sleep(POLL_S)

    def _is_asked(self) -> bool:
        """Whether a question waits or computes, so far as it moves."""
        if _is_free(self._question):
            self._is_question_stuck = False
            return False
        return not self._is_question_stuck


def in_turns(messages: Iterator[T], lock: ComputeLock) -> Iterator[T]:
    """Yield the messages that answer a question, each computed in our turn."""
    with lock.answering():
        while True:
            lock.turn()
            try:
                message = next(messages)
            except StopIteration:
                return
            finally:
                lock.release()
            yield message


def _lock(path: Path) -> FileLock:
    # A lock of the system goes with its process; the library's fall-back, a file, would stay.
    return FileLock(path, fallback_to_soft=False)


def _within(lock: FileLock, seconds: float) -> bool:
    for timeout, poll_s in (
        (min(SOON_S, seconds), POLL_S),
        (max(0, seconds - SOON_S), SOON_POLL_S),
    ):
        with suppress(Timeout):
            lock.acquire(timeout=timeout, poll_interval=poll_s)
            return True
    return False


def _is_free(lock: FileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    lock.release()
    return True
