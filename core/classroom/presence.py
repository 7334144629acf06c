"""Where the learners of a class are: the page that each looked at last, and when.

    Presence(database).post(visitor, "forgetting")
    Presence(database).of_class(teacher, class_id)          # [Seen(space=…, page="forgetting", at=…)]

A page says it at each load and a few times a minute while it stands there; what says nothing new is not written.
"""

import time
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from core.classroom.rights import check_teacher
from core.classroom.rows import put
from core.runs.schema import Database
from core.runs.tables import presence
from core.visitor import Visitor

POST_S = 10.0
"""Between two rows of a learner who stays on a page."""
AWAY_S = 35.0
"""Who said nothing for so long has closed the page, or the network is gone."""
LONGEST_PAGE = 80


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A learner as they were seen last."""

    space: str
    page: str
    """The last part of its address; "" is the first page."""
    at: float
    """Seconds since 1970."""

    def is_here(self, now: float) -> bool:
        return now - self.at <= AWAY_S


class Presence:
    """Safe to share between threads: two that post at once write the same."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._posted: dict[str, tuple[str, float]] = {}

    def post(self, visitor: Visitor, page: str) -> bool:
        """Whether it was written: learners only, and only where it is news."""
        if visitor.role != "learner":
            return False
        page, now = page[:LONGEST_PAGE], time.monotonic()
        last_page, last_at = self._posted.get(visitor.space, ("", -POST_S))
        if page == last_page and now - last_at < POST_S:
            return False
        self._posted[visitor.space] = (page, now)
        row = {
            "space": visitor.space,
            "class_id": visitor.class_id,
            "page": page,
            "at": time.time(),
        }
        with suppress(IntegrityError), self._database.transaction() as connection:
            put(connection, presence, row)  # refused for a learner who was deleted meanwhile
        return True

    def of_class(self, who: Visitor, class_id: str) -> list[Seen]:
        """All who were ever seen, who came last first. `UserError` for who may not run the class."""
        check_teacher(who, class_id)
        query = select(presence).where(presence.c.class_id == class_id)
        rows = self._database.rows(query.order_by(presence.c.at.desc()))
        return [Seen(space=row.space, page=row.page, at=row.at) for row in rows]
