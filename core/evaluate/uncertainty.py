"""How sure can we be of a score measured on few examples?"""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev


def wilson_interval(successes: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927); (0, 1) when nothing was measured.

    Unlike the textbook p ± 1.96·sqrt(p(1-p)/n) it stays within [0, 1] and is honest at 0 and n.
    """
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p = successes / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == n else min(1.0, middle + half)
    return low, high


def mean_interval(values: Sequence[float], *, confidence: float = 0.95) -> tuple[float, float]:
    """Normal interval of the mean of scores between 0 and 1; (0, 1) for fewer than two."""
    if len(values) < 2:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    half = z * stdev(values) / math.sqrt(len(values))
    return max(0.0, fmean(values) - half), min(1.0, fmean(values) + half)


def score_interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % interval of a mean: Wilson's where each score is 0 or 1, else the normal one."""
    if all(value in (0, 1) for value in values):
        return wilson_interval(round(sum(values)), len(values))
    return mean_interval(values)


def median_interval(values: Sequence[float], *, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of the median, from the ranks of the values: no matter how they are distributed.

    The number of values below the median is binomial(n, 1/2); we leave out as many values at both ends
    as that allows. With fewer than six values nothing can be left out at 95 %.
    """
    from scipy.stats import binom  # slow to import, and seldom wanted

    ordered, n = sorted(values), len(values)
    # The most that lie below the median with no more than the tail's probability.
    left_out = max(0, int(binom.ppf((1 - confidence) / 2, n, 0.5)) - 1)
    return ordered[left_out], ordered[n - 1 - left_out]
