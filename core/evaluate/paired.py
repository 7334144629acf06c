"""Two models on the same examples: is one better, or was it luck?

Answers to one example are alike in how hard the example is. So the two are compared example by example,
which shows smaller differences than two intervals side by side.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import UserError

RESAMPLES = 10_000


@dataclass(frozen=True, kw_only=True)
class Paired:
    n: int
    first: float
    """Mean score of the first model; `second` likewise."""
    second: float
    interval: tuple[float, float]
    """95 % interval of second - first, by paired bootstrap."""
    only_first: int | None
    """Examples that only the first got right; None where scores are not just right or wrong."""
    only_second: int | None
    p_value: float | None
    """McNemar's exact test of only_first against only_second."""

    @property
    def difference(self) -> float:
        return self.second - self.first

    @property
    def is_clear(self) -> bool:
        """The test, or where there is none the interval, leaves little room for luck."""
        if self.p_value is not None:
            return self.p_value < 0.05
        low, high = self.interval
        return low > 0 or high < 0


def compare_paired(first: Sequence[float], second: Sequence[float], *, seed: int = 0) -> Paired:
    """Scores of two models on the same examples, in the same order."""
    if not first or len(first) != len(second):
        raise UserError("Two models are compared on the same examples, at least one.")
    pairs = list(zip(first, second, strict=True))
    is_binary = all(value in (0, 1) for pair in pairs for value in pair)
    only_first = sum(one > other for one, other in pairs)
    only_second = sum(other > one for one, other in pairs)
    return Paired(
        n=len(pairs),
        first=math.fsum(first) / len(pairs),
        second=math.fsum(second) / len(pairs),
        interval=bootstrap([other - one for one, other in pairs], seed=seed),
        only_first=only_first if is_binary else None,
        only_second=only_second if is_binary else None,
        p_value=mcnemar(only_first, only_second) if is_binary else None,
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """McNemar's exact test (McNemar 1947): were both equally good, the examples that only one gets
    right would fall to either like tosses of a coin. How likely is a split at least this uneven?

    >>> mcnemar(0, 5)
    0.0625
    """
    from scipy.stats import binomtest  # slow to import, and seldom wanted

    n = only_first + only_second
    return float(binomtest(only_first, n).pvalue) if n else 1.0


def bootstrap(
    values: Sequence[float], *, seed: int = 0, confidence: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of the mean over resampled examples (Efron 1979; Koehn 2004 for texts)."""
    from scipy import stats  # slow to import, and seldom wanted

    if len(values) < 2:
        return values[0], values[0]
    interval = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=500,  # rows in memory
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def in_one_line(found: Paired, first: str, second: str) -> str:
    """What the comparison says, for a person."""
    low, high = found.interval
    line = (
        f"{second} scores {found.second:.2f}, {first} {found.first:.2f}: a difference of "
        f"{found.difference:+.2f} [{low:+.2f}, {high:+.2f}] on {found.n} examples. "
    )
    if found.p_value is None:
        return line + (
            "The interval leaves out 0."
            if found.is_clear
            else "The interval holds 0, so the examples do not decide."
        )
    return line + (
        f"Only {second} is right on {found.only_second}, only {first} on {found.only_first}. Were both "
        f"equally good, a split at least this uneven would come up with probability "
        f"{small(found.p_value)}{'' if found.is_clear else ', so the examples do not decide'}."
    )


def small(p_value: float) -> str:
    """A probability in few digits: 0.03, or "below 0.001"."""
    return (
        "below 0.001"
        if p_value < 0.001
        else f"{p_value:.3f}"
        if p_value < 0.1
        else f"{p_value:.2f}"
    )
