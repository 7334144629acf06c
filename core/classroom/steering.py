"""What a teacher asks of all screens of a class: look here, and stop for a moment.

    steering = Steering(database)
    steering.look_here(teacher, class_id, Look(page="forgetting", settings={"forgetting_steps": ["40"]}))
    steering.freeze(teacher, class_id, True)
    steering.state(class_id)             # what each learner's page asks for every few seconds

It is one row of a class. Each server reads it at most once a second, however many pages ask.
"""

import time
from dataclasses import asdict, dataclass, field

from sqlalchemy import select

from core.classroom.rights import check_teacher
from core.classroom.rows import put
from core.runs.schema import Database
from core.runs.tables import steering
from core.typed_json import Json, read
from core.visitor import Visitor

KEPT_S = 1.0
"""How old the row may be that a page is told."""
FRESH_S = 60.0
"""Whoever comes later is not moved any more."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A page with settings."""

    page: str
    """The last part of its address; "" is the first page."""
    settings: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """What stands in its address."""
    values: dict[str, Json] = field(default_factory=dict[str, Json])
    """The same as its controls have it, with those that stand as the page opens them."""


@dataclass(frozen=True, kw_only=True)
class State:
    number: int = 0
    """How often the class was asked to look."""
    look: Look | None = None
    look_at: float = 0.0
    """Seconds since 1970."""
    is_frozen: bool = False

    def is_fresh(self, now: float) -> bool:
        return self.look is not None and now - self.look_at <= FRESH_S


class Steering:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[str, tuple[float, State]] = {}

    def state(self, class_id: str) -> State:
        """As it was at most `KEPT_S` ago."""
        at, kept = self._kept.get(class_id, (-KEPT_S, State()))
        if time.monotonic() - at >= KEPT_S:
            kept = self._read(class_id)
            self._kept[class_id] = (time.monotonic(), kept)
        return kept

    def look_here(self, who: Visitor, class_id: str, look: Look) -> None:
        """All learners' pages go there. `UserError` for who may not run the class; `freeze` likewise."""
        check_teacher(who, class_id)
        now = self._read(class_id)
        new = State(number=now.number + 1, look=look, look_at=time.time(), is_frozen=now.is_frozen)
        self._write(class_id, new)

    def freeze(self, who: Visitor, class_id: str, is_frozen: bool) -> None:
        check_teacher(who, class_id)
        now = self._read(class_id)
        new = State(number=now.number, look=now.look, look_at=now.look_at, is_frozen=is_frozen)
        self._write(class_id, new)

    def _read(self, class_id: str) -> State:
        rows = self._database.rows(select(steering).where(steering.c.class_id == class_id))
        if not rows:
            return State()
        row = rows[0]
        return State(
            number=row.number, look=_look(row.look), look_at=row.look_at, is_frozen=row.is_frozen
        )

    def _write(self, class_id: str, state: State) -> None:
        row = {
            "class_id": class_id,
            "number": state.number,
            "look": asdict(state.look) if state.look else {},
            "look_at": state.look_at,
            "is_frozen": state.is_frozen,
        }
        with self._database.transaction() as connection:
            put(connection, steering, row)
        self._kept[class_id] = (time.monotonic(), state)


def _look(stored: Json) -> Look | None:
    """None where nobody was asked yet, and for what another version wrote."""
    if not isinstance(stored, dict) or not stored:
        return None
    try:
        return read(Look, stored)
    except ValueError:
        return None
