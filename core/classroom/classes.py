"""Classes: a name, a code for learners, a secret for the teacher, and a time to end."""

import secrets
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.checks import check_number, check_text
from core.classroom.codes import (
    SECRET_LENGTH,
    WrongCodeError,
    hash_of_secret,
    is_secret,
    new_code,
    typed,
)
from core.errors import UserError, quote
from core.runs.schema import Database
from core.runs.tables import classes

LONGEST_NAME = 60
USUAL_MINUTES, MOST_MINUTES = 120, 60 * 24 * 31
NONE_OPEN = "No class is open with this code. Look at the board and type it again."
OVER = "This class is over. Your teacher can tell you whether it goes on."


class ClassOverError(UserError):
    """A class that ended by the button or by its time."""


@dataclass(frozen=True, kw_only=True)
class SchoolClass:
    """A class as it is recorded; times are seconds since 1970, UTC."""

    id: str
    """Unguessable; the space of its teacher."""
    name: str
    code: str
    address: str
    """Under which the room reaches it: "http://192.168.1.20:8501"."""
    began_at: float
    ends_at: float
    """When it ends by itself."""
    ended_at: float | None = None
    """When somebody ended it."""

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None or time.time() >= self.ends_at

    @property
    def left_s(self) -> float:
        """Seconds until it ends by itself; 0 once it is over."""
        return 0.0 if self.is_over else self.ends_at - time.time()

    @property
    def link(self) -> str:
        """What the QR code holds: the way in, with the code filled in."""
        return f"{self.address}/join?code={self.code}"


def class_name(text: str) -> str:
    """A class's name as it is kept. Raises `UserError` for one that is too long or no text."""
    check_text("The name of a class", text)
    name = " ".join(text.split())
    if len(name) > LONGEST_NAME:
        raise UserError(
            f"The name of a class has at most {LONGEST_NAME} characters; this one has {len(name)}."
        )
    return name


def end_after(minutes: float) -> float:
    """The time in so many minutes. Raises `UserError` for a number out of range."""
    check_number("The minutes of a class", minutes, 1, MOST_MINUTES)
    return time.time() + 60.0 * minutes


class Classes:
    """The classes of a database; each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, *, name: str = "", minutes: float = USUAL_MINUTES) -> tuple[SchoolClass, str]:
        """Open a class; returns it with the teacher's secret, which is kept nowhere."""
        secret, ends_at, called = new_code(SECRET_LENGTH), end_after(minutes), class_name(name)
        row: dict[str, Any] = {
            "id": secrets.token_hex(16),
            "name": called,
            "secret_hash": hash_of_secret(secret),
            "address": "",
            "began_at": time.time(),
            "ends_at": ends_at,
            "ended_at": None,
        }
        while True:
            try:
                with self._database.transaction() as connection:
                    connection.execute(insert(classes).values(row | {"code": new_code()}))
                return self.get(row["id"]), secret
            except IntegrityError:  # a code that another class has
                continue

    def all(self) -> list[SchoolClass]:
        """Every class, the newest first."""
        query = select(classes).order_by(classes.c.began_at.desc(), classes.c.id)
        return [_class(row) for row in self._database.rows(query)]

    def get(self, wanted: str) -> SchoolClass:
        """The class of an id or a code. Raises `UserError` where there is none."""
        code, id = typed(wanted), wanted.strip().lower()
        query = select(classes).where((classes.c.id == id) | (classes.c.code == code))
        rows = self._database.rows(query)
        if not rows:
            raise UserError(f"There is no class {quote(wanted)}.")
        return _class(rows[0])

    def open_with(self, code: str) -> SchoolClass:
        """The open class of a code. Raises `ClassOverError`, or `WrongCodeError` where no class has it."""
        query = select(classes).where(classes.c.code == typed(code))
        rows = self._database.rows(query)
        if not rows:
            raise WrongCodeError(NONE_OPEN)
        found = _class(rows[0])
        if found.is_over:
            raise ClassOverError(OVER)
        return found

    def of_secret(self, secret: str) -> SchoolClass:
        """The class whose teacher's secret this is, over or not. Raises `WrongCodeError` where there is none."""
        for row in self._database.rows(select(classes).order_by(classes.c.began_at.desc())):
            if is_secret(secret, row.secret_hash):
                return _class(row)
        raise WrongCodeError(
            "This is the secret of no class here. It was printed when the class began."
        )

    def reached_at(self, class_id: str, address: str) -> None:
        """Record under which address the room reaches it."""
        self._change(class_id, address=address)

    def end(self, class_id: str) -> None:
        """End a class now; one that is over stays as it is."""
        if not self.get(class_id).is_over:
            self._change(class_id, ended_at=time.time())

    def go_on(self, class_id: str, *, minutes: float) -> None:
        """Have a class end so many minutes from now, also one that was over."""
        self._change(class_id, ends_at=end_after(minutes), ended_at=None)

    def delete(self, class_id: str) -> None:
        """Take a class, its learners and all their tickets from the database."""
        with self._database.transaction() as connection:
            connection.execute(delete(classes).where(classes.c.id == class_id))

    def _change(self, class_id: str, **values: Any) -> None:
        with self._database.transaction() as connection:
            connection.execute(update(classes).where(classes.c.id == class_id).values(**values))


def _class(row: Row[Any]) -> SchoolClass:
    return SchoolClass(
        id=row.id,
        name=row.name,
        code=row.code,
        address=row.address,
        began_at=row.began_at,
        ends_at=row.ends_at,
        ended_at=row.ended_at,
    )
