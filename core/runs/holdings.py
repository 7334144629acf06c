"""Who holds a run: everyone who pressed Run for its settings. It goes on until the last of them has let go of it.

A holding is of a space (core/visitor.py); the owner's is "". What is written here is asked in one place,
core/runs/rights.py. Functions that take a connection are called in a transaction that is alone with the runs.
"""

import time
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from core.runs.schema import Database
from core.runs.tables import holdings, marks, runs
from core.visitor import Visitor


@dataclass(frozen=True, kw_only=True)
class Holding:
    run_id: str
    space: str
    class_id: str
    at: float
    """When Run was pressed, in seconds since 1970."""
    hidden: bool
    """By the teacher, from what the class sees."""


def read(database: Database, *where: ColumnElement[bool]) -> list[Holding]:
    """The oldest first."""
    query = select(holdings).where(*where).order_by(holdings.c.at)
    return [
        Holding(
            run_id=row.run_id, space=row.space, class_id=row.class_id, at=row.at, hidden=row.hidden
        )
        for row in database.rows(query)
    ]


def of(visitor: Visitor) -> ColumnElement[bool]:
    """The holdings over which a learner or a teacher decides: their own, or those of the whole class.

    `ValueError` for one who is nobody: an empty space is the owner's.
    """
    if visitor.role == "learner" and visitor.space:
        return holdings.c.space == visitor.space
    if visitor.role == "teacher" and visitor.class_id:
        return holdings.c.class_id == visitor.class_id
    raise ValueError(f"A {visitor.role} without a space or a class has no runs.")


def is_held(visitor: Visitor) -> ColumnElement[bool]:
    """Of the rows of `runs`, those that a learner or a teacher may see."""
    return exists(holdings.c.run_id == runs.c.id, visitor)


def exists(where: ColumnElement[bool], visitor: Visitor) -> ColumnElement[bool]:
    """Whether there is such a holding among those over which a learner or a teacher decides."""
    return select(holdings.c.run_id).where(where, of(visitor)).exists()


def hold(connection: Connection, run_id: str, visitor: Visitor) -> None:
    """Once for each space, however often they press."""
    mine = (holdings.c.run_id == run_id) & (holdings.c.space == visitor.space)
    if connection.scalar(select(holdings.c.run_id).where(mine)) is None:
        connection.execute(
            insert(holdings).values(
                run_id=run_id,
                space=visitor.space,
                class_id=visitor.class_id,
                at=time.time(),
                hidden=False,
            )
        )


def is_held_by_others(connection: Connection, run_id: str, visitor: Visitor) -> bool:
    found = select(holdings.c.run_id).where(holdings.c.run_id == run_id, ~of(visitor)).limit(1)
    return connection.scalar(found) is not None


def let_go(connection: Connection, run_id: str, visitor: Visitor) -> None:
    """A visitor's holdings of a run go, with what was written on it there."""
    mine = (holdings.c.run_id == run_id) & of(visitor)
    spaces = list(connection.scalars(select(holdings.c.space).where(mine)))
    connection.execute(delete(holdings).where(mine))
    connection.execute(delete(marks).where(marks.c.run_id == run_id, marks.c.space.in_(spaces)))


def hide(connection: Connection, run_id: str, where: ColumnElement[bool], *, hidden: bool) -> None:
    connection.execute(
        update(holdings).where(holdings.c.run_id == run_id, where).values(hidden=hidden)
    )
