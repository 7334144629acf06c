"""A watch of a machine on which other programs do what a test says, without waiting."""

from dataclasses import replace
from itertools import chain, repeat

from core.quiet import Reading, Watch

BUSY, QUIET = 1.0, 0.0


def watch(*others: float, afterwards: float = QUIET) -> Watch:
    """Others use so many of two processors before the work, and at each look; `afterwards` from then on."""
    shares = chain([0.0], others, repeat(afterwards))
    now = Reading(at_s=0.0, busy_s=0.0, own_s=0.0, steal_s=0.0, load=0.0, n_cores=2)

    def reader() -> Reading:
        nonlocal now
        now = replace(now, at_s=now.at_s + 10, busy_s=now.busy_s + 10 * next(shares))
        return now

    return Watch(reader=reader, wait=lambda seconds: None)
