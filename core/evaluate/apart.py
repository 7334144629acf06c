"""May a sentence say which of two measured figures is larger? Only where their intervals part.

Every page and command asks here, so a title states a difference by one rule.
"""

from collections.abc import Sequence
from math import hypot
from statistics import fmean

Interval = tuple[float, float] | Sequence[float]


def are_apart(one: Interval, other: Interval) -> bool:
    """Whether two intervals have no value in common."""
    return one[0] > other[1] or other[0] > one[1]


def interval_words(one: Interval, other: Interval) -> str:
    """To stand after two figures, such as "the 95 % intervals overlap, so neither is shown to be higher"."""
    if are_apart(one, other):
        return "the 95 % intervals do not overlap"
    return "the 95 % intervals overlap, so neither is shown to be higher"


def mean_of_independent(
    scores: Sequence[float], intervals: Sequence[Interval]
) -> tuple[float, float]:
    """Interval of the mean of scores that were measured on different examples (Zou & Donner 2008).

    Chance errors of different examples partly cancel, so it is narrower than the mean of the intervals.

    >>> low, high = mean_of_independent([0.5, 0.5], [(0.2, 0.8), (0.1, 0.9)])
    >>> round(low, 2), round(high, 2)
    (0.25, 0.75)
    """
    mean, n = fmean(scores), len(scores)
    below = hypot(*(score - low for score, (low, _) in zip(scores, intervals, strict=True))) / n
    above = hypot(*(high - score for score, (_, high) in zip(scores, intervals, strict=True))) / n
    return mean - below, mean + above


def runs_words(n: int) -> str:
    """How many runs a figure rests on: "one run", "3 runs"."""
    return "one run" if n == 1 else f"{n} runs"
