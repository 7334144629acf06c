"""A worker process as its server sees it."""

import math
import queue
import subprocess
import threading
from dataclasses import dataclass, field
from typing import Any

from core.runs.messages import Ready
from core.runs.pipe import AnswerLine

GONE = "The model process ended unexpectedly (it was stopped, or the machine ran out of memory). A new one is starting; please try again."
NOT_BEGUN = AnswerLine(request=0)
"""Told to who waits for a worker that left: the next is to be asked."""


@dataclass
class Worker:
    """One worker process, its reader thread and what it last said of itself."""

    role: str
    process: subprocess.Popen[str]
    restart_at: float = math.inf
    """When another may take its place, once it has ended."""
    heard_at: float | None = None
    """When it last said anything, by `time.time`; None before its first word, since to load what it needs may take
    long."""
    ready: Ready | None = None
    """Device, dtype and measured GFLOP/s, once the worker is warm."""
    trains_elsewhere: bool = False
    """It waits, since the worker of another server with this data folder trains."""
    leaves: bool = False
    """It goes by itself, between two questions: what is pending, it has not begun."""
    is_over: bool = False
    """It has ended, and all that it said was heard."""
    sending: threading.Lock = field(default_factory=threading.Lock)
    """Held by who writes to it: for long where it does not read."""
    pending: dict[int, "queue.Queue[AnswerLine]"] = field(default_factory=dict[int, Any])
    """Who waits for which request's answers."""

    def last_word(self, request: int) -> AnswerLine:
        """What who waits for an answer is told at the end of the process."""
        return NOT_BEGUN if self.leaves else AnswerLine(request=request, error=GONE)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None
