"""How many runs may wait at once."""

import os

from core.checks import check_number
from core.errors import UserError

LIMIT = 50
"""A whole sweep fits (core/experiments/sweep.py); hours of training for everybody else do not."""
VARIABLE = "TUNING_FORK_QUEUE"


def limit() -> int:
    """The largest number of waiting runs; `UserError` where the variable holds no such number."""
    wanted = os.environ.get(VARIABLE, "")
    if not wanted:
        return LIMIT
    number = int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 9 else wanted
    check_number(VARIABLE, number, 1, 10_000, whole=True)
    return int(number)


def full(n_waiting: int) -> UserError:
    return UserError(
        f"The queue is full: {n_waiting} runs are waiting. Stop some of them, or try again when "
        "some are done."
    )
