"""Whose run comes next, and how many may wait at once.

Every run that is queued gets a turn, and the queue goes by turns. Whoever queues a run gets the turn after their
last one, but none that has gone by: so of several learners each has one run in every turn (round robin), and one
who queues five waits for the others with the second. Within a turn, and among one learner's own runs, small comes
before large, by expected seconds. The owner's runs stay in the order in which they were queued.

All functions are called within the transaction that queues a run or joins one (`Database.transaction(alone=True)`).
"""

import os
from collections.abc import Sequence

from sqlalchemy import Connection, FromClause, func, select, update

from core.checks import check_number
from core.config import RunConfig
from core.errors import UserError
from core.runs.duration import Pace, expected_s
from core.runs.record import Run
from core.runs.states import RunStatus
from core.runs.tables import holdings, runs
from core.visitor import Visitor

LIMIT = 50
"""A whole sweep fits (core/experiments/sweep.py); hours of training for everybody else do not."""
VARIABLE = "TUNING_FORK_QUEUE"
USUAL = Pace(example_s=0.06, asked_s=0.1)
"""Where no run like it has finished here: LoRA on two cores, 0.46 s for a step of 8 examples. It only orders runs
and is shown to nobody."""

ORDER = (runs.c.turn, func.coalesce(runs.c.expected_s, 0.0), runs.c.number)
"""In which queued runs are taken."""


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
        f"The queue is full ({n_waiting} waiting). Stop a run, or try again when some are done."
    )


def size_s(config: RunConfig, finished: Sequence[Run]) -> float:
    """By what a run is small or large: seconds, by the runs that finished here, else by the usual pace."""
    known = expected_s(config, list(finished))
    return USUAL.whole_run_s(config) if known is None else known


def n_waiting(connection: Connection, space: str) -> int:
    """How many runs wait that a space holds."""
    return connection.execute(
        select(func.count()).select_from(_held(space)).where(runs.c.status == RunStatus.QUEUED)
    ).scalar_one()


def next_turn(connection: Connection, space: str) -> int:
    """The turn of a run that a space queues now: after its last one, and not before the turn that is on."""
    taken = runs.c.started_at.is_not(None)
    on = connection.scalar(select(func.max(runs.c.turn)).where(taken))
    last = connection.scalar(
        select(func.max(runs.c.turn))
        .select_from(_held(space))
        .where(taken | (runs.c.status == RunStatus.QUEUED))
    )
    return max(on or 0, last or 0) + 1


def bring_forward(connection: Connection, run_id: str, turn: int) -> None:
    """A run that waits comes no later than in the turn of whoever joins it."""
    connection.execute(
        update(runs)
        .where(runs.c.id == run_id, runs.c.status == RunStatus.QUEUED, runs.c.turn > turn)
        .values(turn=turn)
    )


def small_first(connection: Connection, visitor: Visitor) -> None:
    """Deal the turns of a learner's waiting runs out anew: the smallest run gets the first. Runs that others hold,
    too, keep theirs."""
    if visitor.role == "owner":
        return
    others = holdings.alias()
    is_shared = (
        select(others.c.run_id)
        .where(others.c.run_id == runs.c.id, others.c.space != visitor.space)
        .exists()
    )
    own = connection.execute(
        select(runs.c.number, runs.c.turn)
        .select_from(_held(visitor.space))
        .where(runs.c.status == RunStatus.QUEUED, ~is_shared)
        .order_by(ORDER[1], runs.c.number)
    ).all()
    for row, turn in zip(own, sorted(row.turn for row in own), strict=True):
        if row.turn != turn:
            connection.execute(update(runs).where(runs.c.number == row.number).values(turn=turn))


def _held(space: str) -> FromClause:
    return runs.join(holdings, (holdings.c.run_id == runs.c.id) & (holdings.c.space == space))
