"""Is the process that carries out a run still there? It signs the run with `worker_identity`, and says
regularly that it lives, also during a long step (`beating`). A worker process says so to its server, too: one that
hangs while it holds the database keeps everybody from recording that.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TypedDict

import psutil

from core.errors import UserError

log = logging.getLogger(__name__)

CREATE_TIME_TOLERANCE_S = 1.0
"""The system reports a process's start to a hundredth of a second, or a whole one."""
BEAT_S = 15.0
STALE_S = 120.0
"""A worker that said nothing for so long is given up."""
LONGEST_BLINK_S = 90.0
"""Who looks more seldom does not know what happened meanwhile. A look at a busy database, and the pause after it,
may take a minute."""


def worker_identity() -> str:
    """`host:pid:create_time` of this process; no later process with its number is taken for it."""
    created_at = psutil.Process().create_time()
    return f"{socket.gethostname()}:{os.getpid()}:{created_at:.2f}"


class Silence(TypedDict):
    """Since when a worker has said nothing."""

    silent_s: float
    """By the time it wrote itself."""
    watched_s: float
    """As long as this process has looked on, by its own clock: neither the sleep of a machine nor the clock of
    another counts."""


class Silences:
    """Watches signs of life, of runs or of processes."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[float | None, float]] = {}
        self._looked_at = 0.0

    def of(self, beats: Mapping[str, float | None]) -> dict[str, Silence]:
        """`beats` are the times at which all that is watched last said that it lives.

        Whoever has not looked for a while was perhaps suspended together with those it watches, and begins anew.
        """
        now, before = time.monotonic(), self._since
        if now - self._looked_at > LONGEST_BLINK_S:
            before = {}
        self._looked_at = now
        self._since = {
            run_id: before[run_id]
            if run_id in before and before[run_id][0] == beat
            else (beat, now)
            for run_id, beat in beats.items()
        }
        return {
            run_id: Silence(silent_s=time.time() - (beat or 0), watched_s=now - since)
            for run_id, (beat, since) in self._since.items()
        }

    def forget(self) -> None:
        """Watch anew."""
        self._since = {}


@contextmanager
def beating(beat: Callable[[], bool]) -> Generator[Callable[[], bool]]:
    """Call `beat` regularly from a thread of its own while the body runs.

    Yields what says whether the run was ended from outside, as `beat` finds when it returns False.
    """
    over, ended_outside = threading.Event(), threading.Event()

    def go_on() -> None:
        while not over.wait(BEAT_S):
            try:
                if not beat():
                    ended_outside.set()
                    return
            except UserError as error:  # such as a full disk, which the run itself meets, too
                log.warning("no sign of life could be given: %s", error)

    thread = threading.Thread(target=go_on, daemon=True, name="heartbeat")
    thread.start()
    try:
        yield ended_outside.is_set
    finally:
        over.set()
        thread.join()


def is_gone(worker: str, *, silent_s: float, watched_s: float, stale_s: float) -> bool:
    """Whether the process named by `worker` has ended, or is given up.

    A process of this host is looked up; one that is there is given up when it was watched being silent
    for more than `stale_s` seconds. One that cannot be looked up, such as one of another host,
    counts as ended once it has been silent for that long.
    """
    try:
        found = _process(worker)
    except LookupError:
        return silent_s > stale_s
    return found is None or watched_s > stale_s


def _process(worker: str) -> psutil.Process | None:
    """The process named by `worker`; None when it has ended. `LookupError` when that cannot be known."""
    host, _, process = worker.partition(":")
    pid, _, created_at = process.partition(":")
    if host != socket.gethostname() or not pid.isdecimal():
        raise LookupError(worker)
    try:
        found = psutil.Process(int(pid))
        same = abs(found.create_time() - float(created_at)) <= CREATE_TIME_TOLERANCE_S
        return found if same and found.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None
    except (psutil.AccessDenied, ValueError) as error:
        raise LookupError(worker) from error


def ended_unexpectedly(last_step: int) -> str:
    """What we tell of a run whose process is gone; `last_step` is 0 when none was recorded."""
    return (
        "The training process ended unexpectedly (it was stopped, or the machine ran out of "
        f"memory). {_kept(last_step)}"
    )


def left_behind(last_step: int) -> str:
    """What we tell of a run whose process has taken another."""
    return (
        f"The end of this run was not recorded, for the disk may have been full. {_kept(last_step)}"
    )


def _kept(last_step: int) -> str:
    kept = f"Everything up to step {last_step} was kept" if last_step else "No step was completed"
    return f"{kept}; run it again."
