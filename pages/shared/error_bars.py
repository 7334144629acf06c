"""Error bars of a plotly mark, from the ends of its intervals."""

from collections.abc import Sequence
from typing import TypedDict


class ErrorBars(TypedDict):
    """Of `error_x` or `error_y` of a plotly trace."""

    array: list[float]
    arrayminus: list[float]
    thickness: float
    width: float


def error_bars(
    means: Sequence[float],
    intervals: Sequence[tuple[float, float]],
    *,
    thickness: float = 1.5,
    width: float = 5,
) -> ErrorBars:
    """From each mean to the low and the high end of its interval."""
    pairs = list(zip(means, intervals, strict=True))
    return {
        "array": [high - mean for mean, (_, high) in pairs],
        "arrayminus": [mean - low for mean, (low, _) in pairs],
        "thickness": thickness,
        "width": width,
    }
