"""Uploads of a class: who holds which dataset.

The pairs themselves lie under the address of their content (`core/data/uploads.py`), so that two who upload the same
file have the same dataset. Here stands who brought it: a learner reads their own, the teacher those of the class.
"""

import time
from collections.abc import Callable, Collection

from sqlalchemy import delete, insert, select

from core.data import uploads as datasets
from core.errors import UserError, quote
from core.runs.schema import Database, learners, runs, uploads
from core.visitor import Visitor


class Uploads:
    """Who holds which dataset; each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def bringing(self, visitor: Visitor) -> Callable[[str], None]:
        """Before a dataset is kept: what is to be called afterwards with its address, to record who brought it.

        What was kept already before that is somebody else's, too, and outlives the class.
        """
        known = {file.stem for file in datasets.folder().glob("*.jsonl")}

        def hold(address: str) -> None:
            if address:
                self._hold(visitor, address, was_new=address not in known)

        return hold

    def _hold(self, visitor: Visitor, address: str, *, was_new: bool) -> None:
        row = {
            "space": visitor.space,
            "address": address,
            "n_bytes": _n_bytes(address),
            "was_new": was_new,
            "at": time.time(),
        }
        mine = (uploads.c.space == visitor.space) & (uploads.c.address == address)
        with self._database.transaction(alone=True) as connection:
            if connection.scalar(select(uploads.c.address).where(mine)) is None:
                connection.execute(insert(uploads).values(row))

    def check(self, visitor: Visitor, address: str) -> None:
        """Raises `UserError` unless a visitor may read a dataset; whether others have it is not said."""
        if visitor.role == "owner":
            return
        spaces = self._spaces(visitor)
        query = select(uploads.c.space).where(
            uploads.c.address == address, uploads.c.space.in_(spaces)
        )
        if not self._database.rows(query):
            raise UserError(
                f"The uploaded dataset {quote(address)} is not on this machine; upload it again."
            )

    def n_bytes(self, space: str) -> int:
        """How much a space has uploaded."""
        query = select(uploads.c.n_bytes).where(uploads.c.space == space)
        return sum(row[0] for row in self._database.rows(query))

    def drop(self, spaces: Collection[str]) -> None:
        """Take away what these spaces hold; files that nobody else holds or trained on are deleted.

        One that was there before a learner brought it stays: it is somebody else's.
        """
        with self._database.transaction(alone=True) as connection:
            mine = uploads.c.space.in_(spaces)
            held = connection.execute(select(uploads.c.address, uploads.c.was_new).where(mine))
            brought = {row.address for row in held if row.was_new}
            connection.execute(delete(uploads).where(mine))
            others = set(connection.scalars(select(uploads.c.address)))
            configs = connection.scalars(select(runs.c.config)) if brought - others else ()
            trained_on = {_dataset_of(config) for config in configs}
        for address in brought - others - trained_on:
            _remove(address)

    def _spaces(self, visitor: Visitor) -> list[str]:
        if visitor.role == "learner":
            return [visitor.space]
        query = select(learners.c.space).where(learners.c.class_id == visitor.class_id)
        return [visitor.space, *(row[0] for row in self._database.rows(query))]


def _n_bytes(address: str) -> int:
    try:
        return (datasets.folder() / f"{address}.jsonl").stat().st_size
    except OSError:
        return 0


def _dataset_of(config: object) -> str:
    """The dataset that a stored config names, however damaged the config is."""
    data = config.get("data") if isinstance(config, dict) else None
    return str(data.get("dataset", "")) if isinstance(data, dict) else ""


def _remove(address: str) -> None:
    try:
        for file in datasets.folder().glob(f"{address}.*"):
            file.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"An upload cannot be deleted: {error.strerror or error}.") from error
