"""The learners of a class: a nickname and an unguessable id each, and nothing else about them."""

import secrets
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, insert, select
from sqlalchemy.exc import IntegrityError

from core.classroom.nicknames import animal, nickname, same_name
from core.errors import UserError, quote
from core.runs.schema import Database
from core.runs.tables import learners

MOST_LEARNERS = 100


@dataclass(frozen=True, kw_only=True)
class Learner:
    space: str
    """Unguessable: 32 hex digits."""
    class_id: str
    name: str
    joined_at: float
    """Seconds since 1970, UTC."""


class Learners:
    """The learners of a database; each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def join(self, class_id: str, name: str = "") -> Learner:
        """A new learner, named after an animal where no nickname is given.

        Raises `UserError` for a nickname that will not do or that another one has, and for a full class.
        """
        wanted = nickname(name) if name.strip() else ""
        while True:
            taken = [one.name for one in self.of(class_id)]
            if len(taken) >= MOST_LEARNERS:
                raise UserError(f"This class is full: it has {MOST_LEARNERS} learners.")
            learner = Learner(
                space=secrets.token_hex(16),
                class_id=class_id,
                name=wanted or animal(taken),
                joined_at=time.time(),
            )
            row = vars(learner) | {"name_key": same_name(learner.name)}
            try:
                with self._database.transaction() as connection:
                    connection.execute(insert(learners).values(row))
            except IntegrityError as error:
                if same_name(learner.name) not in {
                    same_name(one.name) for one in self.of(class_id)
                }:
                    raise UserError("This class was deleted.") from error
                if wanted:
                    raise UserError(
                        f"{quote(learner.name)} is in this class already; take another nickname. If it is "
                        "you, your teacher can let you in again."
                    ) from error
                continue  # another one got this animal at the same time
            return learner

    def of(self, class_id: str) -> list[Learner]:
        """Those of a class, in the order in which they came."""
        query = select(learners).where(learners.c.class_id == class_id)
        query = query.order_by(learners.c.joined_at, learners.c.space)
        return [_learner(row) for row in self._database.rows(query)]

    def get(self, space: str) -> Learner:
        """The learner of a space. Raises `UserError` where there is none."""
        rows = self._database.rows(select(learners).where(learners.c.space == space))
        if not rows:
            raise UserError("There is no such learner in this class.")
        return _learner(rows[0])

    def counts(self) -> dict[str, int]:
        """How many each class has, by its id."""
        query = select(learners.c.class_id, func.count().label("n")).group_by(learners.c.class_id)
        return {row.class_id: row.n for row in self._database.rows(query)}


def _learner(row: Row[Any]) -> Learner:
    return Learner(space=row.space, class_id=row.class_id, name=row.name, joined_at=row.joined_at)
