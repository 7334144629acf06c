"""What the learners of a class guessed, from the moment at which they lock it: for the wall.

    Guesses(database).lock(visitor, "forgetting", "park", "Amina and Omar")
    Guesses(database).of(teacher, class_id, "forgetting", "park")      # [Guess(space=…, guess="Amina and Omar")]

The first one counts. Who guesses again has seen what came, so that changes nothing here.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from core.classroom.rights import check_teacher
from core.classroom.rows import put
from core.runs.schema import Database
from core.runs.tables import guesses
from core.visitor import Visitor


@dataclass(frozen=True, kw_only=True)
class Guess:
    space: str
    guess: str | tuple[float, ...]
    """The text of an option, or the heights of a drawing."""
    at: float
    """Seconds since 1970."""


class Guesses:
    def __init__(self, database: Database) -> None:
        self._database = database

    def lock(
        self, visitor: Visitor, lesson: str, prediction: str, guess: str | Sequence[float]
    ) -> None:
        """Keep a learner's guess. One that is there already stands."""
        if visitor.role != "learner":
            return
        row = {
            "space": visitor.space,
            "lesson": lesson,
            "prediction": prediction,
            "class_id": visitor.class_id,
            "guess": guess if isinstance(guess, str) else [float(height) for height in guess],
            "at": time.time(),
        }
        with suppress(IntegrityError), self._database.transaction() as connection:
            put(connection, guesses, row, replaces=False)  # refused for one deleted meanwhile

    def of(self, who: Visitor, class_id: str, lesson: str, prediction: str) -> list[Guess]:
        """The guesses of a class, the oldest first; what cannot be read is left out.

        `UserError` for who may not run the class.
        """
        check_teacher(who, class_id)
        query = (
            select(guesses)
            .where(guesses.c.class_id == class_id, guesses.c.lesson == lesson)
            .where(guesses.c.prediction == prediction)
            .order_by(guesses.c.at)
        )
        rows = self._database.rows(query)
        found = ((row.space, _read(row.guess), row.at) for row in rows)
        return [Guess(space=s, guess=g, at=at) for s, g, at in found if g is not None]

    def of_learner(self, space: str) -> dict[tuple[str, str], Guess]:
        """All of one learner, by lesson and prediction."""
        rows = self._database.rows(select(guesses).where(guesses.c.space == space))
        return {
            (row.lesson, row.prediction): Guess(space=space, guess=guess, at=row.at)
            for row in rows
            if (guess := _read(row.guess)) is not None
        }

    def clear(self, who: Visitor, class_id: str, lesson: str, prediction: str) -> None:
        """The class guesses this one anew. `UserError` for who may not run it."""
        check_teacher(who, class_id)
        these = (guesses.c.lesson == lesson) & (guesses.c.prediction == prediction)
        with self._database.transaction() as connection:
            connection.execute(delete(guesses).where(guesses.c.class_id == class_id, these))


def _read(stored: object) -> str | tuple[float, ...] | None:
    if isinstance(stored, str):
        return stored
    if isinstance(stored, list):
        heights = [float(one) for one in stored if isinstance(one, (int, float))]
        return tuple(heights) if len(heights) == len(stored) else None
    return None
