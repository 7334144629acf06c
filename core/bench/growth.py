"""How the cost of a step grows with one thing that is varied (core/bench/scaling.py measures it): in a sentence."""

from collections.abc import Sequence

from core.bench.report import Growth
from core.evaluate.apart import are_apart

NOT_DECIDED = "No difference that the noise does not explain"
TOO_FEW = "Too few steps were timed to tell a difference from noise"


def growth_finding(axis: str, points: Sequence[Growth]) -> str:
    """From the smallest value to the largest, where their intervals part."""
    first, last = points[0], points[-1]
    if first.interval is None or last.interval is None:
        return TOO_FEW
    if not are_apart(first.interval, last.interval):
        return NOT_DECIDED
    low, high = last.interval[0] / first.interval[1], last.interval[1] / first.interval[0]
    cost = last.step_s / first.step_s
    if axis == "shared":
        return (
            f"With {100 * last.value:.0f} % shared, a step takes {100 * cost:.0f} % of the time "
            f"({100 * low:.0f} to {100 * high:.0f})"
        )
    more = last.value / max(first.value, 1e-9)
    return f"{more:.3g} times as much: {cost:.1f} times the time ({low:.1f} to {high:.1f})"
