"""Shares of nothing. A precision where nothing was said is 0/0: no number, and no 0 either.

In figures it is NaN (null in JSON), for a reader "–".
"""

from math import isnan, nan


def share(part: float, whole: float) -> float:
    return part / whole if whole else nan


def or_dash(value: float | None, digits: int = 2) -> str:
    """A figure for a reader: "0.63", or "–" where there is none.

    >>> or_dash(0.625, 3), or_dash(share(0, 0)), or_dash(None)
    ('0.625', '–', '–')
    """
    return "–" if value is None or isnan(value) else f"{value:.{digits}f}"
