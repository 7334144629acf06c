"""What people write on runs: a name of their own, tags and a note. They are no part of a run's identity.

Everyone who holds a run writes their own. Who sees the runs of others reads what the others wrote, as long as they
write nothing themselves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Row, delete, insert, select, true

from core.checks import check_text
from core.errors import UserError, shortened
from core.runs.record import unknown_run
from core.runs.schema import Database
from core.runs.tables import marks, runs

LONGEST_NAME, LONGEST_TAG, LONGEST_NOTE = 80, 30, 2_000
"""Characters."""
MOST_TAGS = 12


@dataclass(frozen=True, kw_only=True)
class Mark:
    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        """`UserError` for what is too long; white space around it goes, and a tag counts once."""
        name, note = " ".join(check_line(self.name).split()), check_line(self.note).strip()
        tags = tuple(dict.fromkeys(t for tag in self.tags if (t := " ".join(tag.split()))))
        for what, text, most in (("name", name, LONGEST_NAME), ("note", note, LONGEST_NOTE)):
            if len(text) > most:
                raise UserError(f"The {what} has {len(text):,} characters; at most {most:,} fit.")
        if long := next((tag for tag in tags if len(tag) > LONGEST_TAG), ""):
            raise UserError(
                f"The tag “{shortened(long)}” is too long; a tag has at most {LONGEST_TAG} characters."
            )
        if len(tags) > MOST_TAGS:
            raise UserError(f"There are {len(tags)} tags; a run has at most {MOST_TAGS}.")
        for field, value in (("name", name), ("note", note), ("tags", tags)):
            object.__setattr__(self, field, value)

    @property
    def is_empty(self) -> bool:
        return self == Mark()


def check_line(text: str) -> str:
    check_text("What is written on a run", text)
    return text


def tags_in(text: str) -> tuple[str, ...]:
    """Tags as they are typed, with commas between them.

    >>> tags_in("good, for class,, good")
    ('good', 'for class')
    """
    return tuple(dict.fromkeys(tag for part in text.split(",") if (tag := part.strip())))


def anybody(run_id: str) -> None:
    """The owner may write on every run."""


class Marks:
    """The marks of a store's runs; each method is one transaction."""

    def __init__(
        self,
        database: Database,
        *,
        space: str = "",
        seen: ColumnElement[bool] | None = None,
        check: Callable[[str], None] = anybody,
    ) -> None:
        """`space` is that of who writes, `seen` are the rows of `marks` that they may read, and `check` raises
        `UserError` for a run that is not theirs."""
        self._database = database
        self._space = space
        self._seen = true() if seen is None else seen
        self._check = check

    def all(self) -> dict[str, Mark]:
        """The marks there are, by run id."""
        own_last = (marks.c.space == self._space, marks.c.space.desc())
        rows = self._database.rows(select(marks).where(self._seen).order_by(*own_last))
        return {row.run_id: _mark(row) for row in rows}

    def of(self, run_id: str) -> Mark:
        self._check(run_id)
        own_first = (marks.c.space != self._space, marks.c.space)
        mine = select(marks).where(marks.c.run_id == run_id, self._seen).order_by(*own_first)
        rows = self._database.rows(mine)
        return _mark(rows[0]) if rows else Mark()

    def put(self, run_id: str, mark: Mark) -> None:
        """Write a mark in the place of one's own before; an empty one takes it off. `UserError` without the run."""
        self._check(run_id)
        row = {"run_id": run_id, "name": mark.name, "tags": [*mark.tags], "note": mark.note}
        own = (marks.c.run_id == run_id) & (marks.c.space == self._space)
        with self._database.transaction(alone=True) as connection:
            if connection.scalar(select(runs.c.id).where(runs.c.id == run_id)) is None:
                raise unknown_run(run_id)
            connection.execute(delete(marks).where(own))
            if not mark.is_empty:
                connection.execute(insert(marks).values(**row, space=self._space))

    def add_tag(self, run_ids: Sequence[str], tag: str) -> None:
        """Put a tag on several runs."""
        for run_id in run_ids:
            self._check(run_id)
        known = self.all()
        for run_id in run_ids:
            mark = known.get(run_id, Mark())
            self.put(run_id, Mark(name=mark.name, tags=(*mark.tags, tag), note=mark.note))


def _mark(row: Row[tuple[object, ...]]) -> Mark:
    """A row that another program spoiled reads as far as it can."""
    tags = row.tags if isinstance(row.tags, list) else []
    try:
        return Mark(name=row.name, tags=tuple(map(str, tags)), note=row.note)
    except UserError:
        return Mark(name=str(row.name)[:LONGEST_NAME])
