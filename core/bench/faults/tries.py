"""One try of a campaign: what was done, and how it ended."""

import signal
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from core.errors import LONGEST_QUOTE, UserError

SENTENCE, SILENT = "sentence", "silent"
ECHO, TRACEBACK, HANG, LOST, ORPHAN = "echo", "traceback", "hang", "lost events", "orphan"
NOT_TRIED = "not tried"
OUTCOMES = (SENTENCE, SILENT, ECHO, TRACEBACK, HANG, LOST, ORPHAN, NOT_TRIED)
"""A sentence for the reader; done without a word; more than 100 characters of the input repeated; an
error that nobody foresaw; more than two seconds; recorded events gone; a process left over."""
BAD = (ECHO, TRACEBACK, HANG, LOST, ORPHAN)
LIMIT_S = 2.0
"""Of processor time, so that a busy machine makes no difference."""
PATIENCE_S = 300.0
"""After which a try is ended; of time, so long enough for a machine that does much else."""


@dataclass(frozen=True, kw_only=True)
class Try:
    kind: str
    number: int
    what: str
    """In a few words, enough to do it again by hand."""
    outcome: str
    said: str = ""
    """The sentence, or the end of the traceback."""
    seconds: float = 0.0
    """Of processor time."""
    commit: str = ""
    """Of the code that was tried."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    outcome: str
    said: str
    seconds: float


class TooLongError(Exception):
    """A try used up our patience."""


def attempt(action: Callable[[], str], given: Sequence[str] = ()) -> Ended:
    """Do it in this process, and say how it ended. `action` returns what it told the reader, or "".

    `given` are the texts of the input, of which a sentence may repeat the beginning only.
    """
    start = time.process_time()
    try:
        with _patience():
            said = action()
        outcome = SENTENCE if said else SILENT
    except UserError as error:
        outcome, said = SENTENCE, str(error)
    except TooLongError:
        outcome, said = HANG, f"more than {PATIENCE_S:.0f} s"
    except (Exception, SystemExit):
        outcome, said = TRACEBACK, traceback.format_exc()[-1500:]
    seconds = time.process_time() - start
    if outcome in (SENTENCE, SILENT):
        outcome = HANG if seconds > LIMIT_S else ECHO if echoes(said, given) else outcome
    return Ended(outcome=outcome, said=said, seconds=seconds)


def echoes(said: str, given: Sequence[str]) -> bool:
    """Whether a sentence repeats more of a text than may be."""
    long = LONGEST_QUOTE + 1
    return any(len(text) >= long and text[:long] in said for text in given)


@contextmanager
def _patience() -> Generator[None]:
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _too_long(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise TooLongError
