"""How much memory a worker process may use. Above that it ends itself, before the system ends someone else.

A limit set with the system (RLIMIT_AS) would count what torch only reserves. So a thread looks at the resident
set several times a second; and a worker that has grown between two pieces of work is started anew.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from core.checks import check_number
from core.errors import UserError
from core.memory import machine_memory_mb, memory_mb

SETTING = "TUNING_FORK_MEMORY_MB"
SHARE = 0.7
"""Of the machine's memory; two workers, the server and the reader's own programs share it."""
LEAST_MB = 1500
"""The small model needs about 1,200 MB to be tuned; with less, a worker would be started anew for ever."""
LOOK_S = 0.1
"""Answering a prompt took 9 GB in 11 s before prompts had a limit: 80 MB in such a time."""
MOST_GROWTH_MB = 1000
"""A worker that holds so much more between runs than after its first is started anew."""


def ceiling_mb() -> float:
    """What one worker may use: TUNING_FORK_MEMORY_MB, or a share of what there is."""
    told = os.environ.get(SETTING, "")
    if not told:
        return max(LEAST_MB, SHARE * machine_memory_mb())
    try:
        wanted = float(told)
    except ValueError as error:
        raise UserError(f"{SETTING} must be a number of megabytes; got {told[:40]!r}.") from error
    check_number(SETTING, wanted, LEAST_MB, 1e9)
    return wanted


def too_much(used_mb: float, ceiling: float) -> str:
    """The sentence for whoever waits."""
    return (
        f"This needed {used_mb:,.0f} MB of memory; one model process may use {ceiling:,.0f} MB here "
        f"({SETTING} sets it), so it was started anew. Choose LoRA, a smaller batch size or shorter texts."
    )


def watch_memory(on_exceeded: Callable[[str], None]) -> None:
    """Call `on_exceeded` with a sentence, from a thread, as soon as this process uses too much."""
    ceiling = ceiling_mb()

    def look() -> None:
        while (used := memory_mb()) <= ceiling:
            time.sleep(LOOK_S)
        on_exceeded(too_much(used, ceiling))

    threading.Thread(target=look, daemon=True, name="memory ceiling").start()


@dataclass
class Growth:
    """What a process holds between pieces of work, beside the least it ever held there."""

    least_mb: float = inf

    def is_too_much(self, used_mb: float) -> bool:
        self.least_mb = min(self.least_mb, used_mb)
        return used_mb - self.least_mb > MOST_GROWTH_MB
