"""Short links: four characters that a pupil can type, for a link that this installation keeps.

    code = ShortLinks(database).shorten(teacher, link)          # "k3fm"
    ShortLinks(database).get("K3FM")                   # the link again

As the link lies in the database, it needs no signature.
"""

import time
from dataclasses import asdict
from secrets import choice

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from core.classroom.links import Link
from core.errors import UserError, quote
from core.runs.schema import Database
from core.runs.tables import links
from core.typed_json import read
from core.visitor import Visitor

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without i, l, o, 0 and 1, which look alike on a board."""
LENGTH = 4
LONGEST_CODE = 16
TRIES = 20


class ShortLinks:
    def __init__(self, database: Database) -> None:
        self._database = database

    def shorten(self, who: Visitor, link: Link) -> str:
        """A new code; the one that there is already where the same link was shortened before.

        It goes with the class of a teacher. `UserError` for a learner.
        """
        if who.role == "learner":
            raise UserError("Only the teacher of this class can do that.")
        stored = asdict(link)
        owner = who.class_id or None
        mine = select(links.c.code, links.c.link).where(
            links.c.class_id.is_not_distinct_from(owner)
        )
        for row in self._database.rows(mine):
            if _read(row.link) == link:
                return row.code
        for _ in range(TRIES):
            code = "".join(choice(LETTERS) for _ in range(LENGTH))
            row = {"code": code, "class_id": owner, "link": stored, "at": time.time()}
            try:
                with self._database.transaction() as connection:
                    connection.execute(links.insert().values(row))
            except IntegrityError:  # taken
                continue
            return code
        raise UserError("There are too many short links here; use the long one.")

    def get(self, code: str) -> Link:
        """Raises `UserError` for a code that is not known here."""
        wanted = code.strip().lower()
        query = select(links.c.link).where(links.c.code == wanted[:LONGEST_CODE])
        found = [_read(row.link) for row in self._database.rows(query)] if wanted else []
        if not found or found[0] is None:
            raise UserError(
                f"There is no short link {quote(code)} on this computer; look at it again, or ask your teacher."
            )
        return found[0]


def _read(stored: object) -> Link | None:
    try:
        return read(Link, stored)
    except (ValueError, TypeError):
        return None
