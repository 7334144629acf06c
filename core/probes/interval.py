"""How sure a difference of two shares is when both were measured on the same prompts."""

from collections.abc import Callable
from math import copysign, inf, sqrt
from statistics import NormalDist


def paired_interval(
    only_first: int, only_second: int, n: int, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Tango's score interval of (share of the second) - (share of the first).

    `only_first` of the `n` prompts only the first got right, `only_second` only the second. With no such
    prompt the interval is still not empty: 16 prompts without a change leave ±0.19 open.
    Tango, T. (1998), Statistics in Medicine 17: 891-908.
    """
    if n == 0:
        return -1.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    found = (only_second - only_first) / n
    low = _edge(-1.0, found, lambda d: _score(only_first, only_second, n, d) > z)
    high = _edge(1.0, found, lambda d: _score(only_first, only_second, n, d) < -z)
    return low, high


def _score(lost: int, gained: int, n: int, difference: float) -> float:
    """How far the counts are from `difference`, in standard errors; falls as `difference` rises."""
    a = 2 * n
    b = -gained - lost + (2 * n - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    share = (sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
    variance = n * (2 * share + difference * (1 - difference))
    distance = gained - lost - n * difference
    if variance <= 0:
        return 0.0 if distance == 0 else copysign(inf, distance)
    return distance / sqrt(variance)


def _edge(outside: float, inside: float, is_outside: Callable[[float], bool]) -> float:
    """Where `is_outside` changes, by halving; `outside` itself where it is nowhere true."""
    if not is_outside(outside):
        return outside
    for _ in range(60):
        middle = (outside + inside) / 2
        if is_outside(middle):
            outside = middle
        else:
            inside = middle
    return inside
