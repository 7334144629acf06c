"""Shares as people write them: a number, a no-break space and the sign."""


def percent(share: float, digits: int = 0) -> str:
    """With so many digits behind the point.

    >>> percent(0.113), percent(0.113, 1)
    ('11\\xa0%', '11.3\\xa0%')
    """
    return f"{share:.{digits}%}".replace("%", "\u00a0%")
