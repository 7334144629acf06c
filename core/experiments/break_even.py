"""After how many requests does tuning pay? Arithmetic on measured costs, and the advice that follows.

A way of doing a task costs something once and something at every request:

    total(requests) = once + requests x each

Prompting has no one-off cost and a longer prompt; tuning pays for training first. Both may be counted in
seconds or in tokens.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Cost:
    once: float
    """Before the first request."""
    each: float
    low: float
    high: float
    """95 % interval of `each`; equal to it where nothing is uncertain."""

    def total(self, requests: float) -> float:
        return self.once + requests * self.each


@dataclass(frozen=True, kw_only=True)
class BreakEven:
    """From which request on one way costs less than another; None is never."""

    requests: int | None
    earliest: int | None
    """If the costs of a request lie at the ends of their intervals that favour it."""
    latest: int | None
    """At the ends that speak against it."""


def break_even(tuned: Cost, asked: Cost) -> BreakEven:
    """When `tuned`, which costs more at first, becomes cheaper than `asked`."""
    return BreakEven(
        requests=pays_from(tuned.once - asked.once, asked.each - tuned.each),
        earliest=pays_from(tuned.once - asked.once, asked.high - tuned.low),
        latest=pays_from(tuned.once - asked.once, asked.low - tuned.high),
    )


def pays_from(extra: float, saved: float) -> int | None:
    """The first whole number of requests r at which r x saved > extra; None when there is none.

    >>> pays_from(10.0, 0.5)
    21
    """
    if saved > extra:
        return 1
    return math.floor(extra / saved) + 1 if saved > 0 else None


class Reason(StrEnum):
    NONE_GOOD_ENOUGH = "none good enough"
    ONLY_PROMPTING = "only prompting is good enough"
    ONLY_TUNING = "only tuning is good enough"
    CHEAPER = "cheaper of the two"


@dataclass(frozen=True, kw_only=True)
class Option:
    """One way of doing a task, with all that a decision looks at."""

    name: str
    is_tuned: bool
    labels: int
    """Labelled examples it takes."""
    score: float
    interval: tuple[float, float]
    """95 %, over test examples."""
    seeds: tuple[float, ...]
    """The score with each seed: other examples shown, another training."""
    cost: Cost


@dataclass(frozen=True, kw_only=True)
class Advice:
    reason: Reason
    choice: Option
    """With `NONE_GOOD_ENOUGH`, the best there is."""
    rival: Option | None
    """The cheapest good enough option of the other kind."""
    total: float
    """What the choice costs over all requests."""
    rival_total: float | None
    break_even: BreakEven | None
    """Of the tuned one of the two against the prompted one."""
    is_score_sure: bool
    """The choice's interval and all its seeds lie on the side of the wanted score that its mean is on."""


def advise(options: Sequence[Option], *, needed: float, requests: int, labels: int) -> Advice:
    """The cheapest option over `requests` that reaches the score `needed` with so many `labels`.

    Raises `UserError` when no option does with so few labels.
    """
    possible = [o for o in options if o.labels <= labels]
    if not possible:
        raise UserError(f"Nothing was measured with {labels} labelled examples or fewer.")
    enough = [o for o in possible if o.score >= needed]
    if not enough:
        best = max(possible, key=lambda o: (o.score, -o.cost.total(requests)))
        return Advice(
            reason=Reason.NONE_GOOD_ENOUGH,
            choice=best,
            rival=None,
            total=best.cost.total(requests),
            rival_total=None,
            break_even=None,
            is_score_sure=max(best.interval[1], *best.seeds) < needed,
        )
    cheapest = {
        is_tuned: min(mine, key=lambda o: o.cost.total(requests))
        for is_tuned in (False, True)
        if (mine := [o for o in enough if o.is_tuned == is_tuned])
    }
    choice = min(cheapest.values(), key=lambda o: o.cost.total(requests))
    rival = cheapest.get(not choice.is_tuned)
    only = Reason.ONLY_TUNING if choice.is_tuned else Reason.ONLY_PROMPTING
    return Advice(
        reason=Reason.CHEAPER if rival else only,
        choice=choice,
        rival=rival,
        total=choice.cost.total(requests),
        rival_total=rival.cost.total(requests) if rival else None,
        break_even=break_even(cheapest[True].cost, cheapest[False].cost) if rival else None,
        is_score_sure=min(choice.interval[0], *choice.seeds) >= needed,
    )
