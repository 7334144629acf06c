"""Tickets: what proves who somebody is. A cookie, a one-time word, a one-time link; kept as hashes only."""

import time
from typing import Any, Literal

from sqlalchemy import Row, delete, insert, select

from core.classroom.classes import OVER, ClassOverError
from core.classroom.codes import (
    WORD_LENGTH,
    WrongCodeError,
    hash_of_token,
    new_code,
    new_token,
    typed,
)
from core.runs.schema import Database
from core.runs.tables import classes, learners, tickets
from core.visitor import Visitor

COOKIE_S = 60.0 * 60 * 24 * 31
ONCE_S = 60.0 * 15
"""How long a one-time word or link is good."""
Kind = Literal["cookie", "word", "link"]
UNKNOWN = (
    "You are in no class, or your place in it was given to another device. Enter the class code."
)


class Tickets:
    """The tickets of a database; each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def cookie(self, class_id: str, space: str | None = None) -> str:
        """A cookie's value for a learner, or for the teacher where no space is named.

        A learner has one cookie: who had the one before is out.
        """
        token, now = new_token(), time.time()
        with self._database.transaction() as connection:
            connection.execute(delete(tickets).where(tickets.c.expires_at <= now))
            if space is not None:
                mine = (tickets.c.space == space) & (tickets.c.kind == "cookie")
                connection.execute(delete(tickets).where(mine))
            connection.execute(
                insert(tickets).values(_row(token, "cookie", class_id, space, now + COOKIE_S))
            )
        return token

    def word(self, class_id: str, space: str) -> str:
        """A one-time word that gives a learner their space back."""
        word = new_code(WORD_LENGTH)
        self._keep(_row(word, "word", class_id, space, time.time() + ONCE_S))
        return word

    def link(self, class_id: str) -> str:
        """The token of a one-time link that opens the teacher's page."""
        token = new_token()
        self._keep(_row(token, "link", class_id, None, time.time() + ONCE_S))
        return token

    def use_word(self, word: str) -> str:
        """The new cookie of the learner whose one-time word this is. Raises `WrongCodeError`, `ClassOverError`."""
        row = self._use(typed(word), "word")
        if row.space is None:
            raise WrongCodeError(UNKNOWN)
        return self.cookie(row.class_id, row.space)

    def use_link(self, token: str) -> str:
        """A new cookie for the teacher whose one-time link this is. Raises `WrongCodeError`."""
        return self.cookie(self._use(token, "link").class_id)

    def visitor(self, token: str) -> Visitor:
        """Who has this cookie. Raises `WrongCodeError`, and `ClassOverError` for a learner of a class that is over."""
        query = (
            select(tickets.c.class_id, tickets.c.space, learners.c.name)
            .add_columns(classes.c.ends_at, classes.c.ended_at)
            .join(classes, classes.c.id == tickets.c.class_id)
            .outerjoin(learners, learners.c.space == tickets.c.space)
            .where(tickets.c.hash == hash_of_token(token), tickets.c.kind == "cookie")
            .where(tickets.c.expires_at > time.time())
        )
        rows = self._database.rows(query) if token else []
        if not rows:
            raise WrongCodeError(UNKNOWN)
        row = rows[0]
        if row.space is None:
            return Visitor(row.class_id, "teacher", row.class_id)
        if row.ended_at is not None or row.ends_at <= time.time():
            raise ClassOverError(OVER)
        return Visitor(row.space, "learner", row.class_id, row.name)

    def _keep(self, row: dict[str, Any]) -> None:
        with self._database.transaction() as connection:
            connection.execute(insert(tickets).values(row))

    def _use(self, secret: str, kind: Kind) -> Row[Any, Any]:
        """Take a one-time ticket out: of two who use it at once, one gets it."""
        mine = (tickets.c.hash == hash_of_token(secret)) & (tickets.c.kind == kind)
        with self._database.transaction() as connection:
            row = connection.execute(
                delete(tickets)
                .where(mine, tickets.c.expires_at > time.time())
                .returning(tickets.c.class_id, tickets.c.space)
            ).first()
        if row is None:
            raise WrongCodeError(
                "This was used already, or is too old. Ask your teacher for a new one."
            )
        return row


def _row(
    secret: str, kind: Kind, class_id: str, space: str | None, expires_at: float
) -> dict[str, Any]:
    return {
        "hash": hash_of_token(secret),
        "kind": kind,
        "class_id": class_id,
        "space": space,
        "expires_at": expires_at,
    }
