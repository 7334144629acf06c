"""Uploaded pairs as the visitor of a page has them: kept as theirs, and only those of theirs are read."""

from collections.abc import Callable

from core.classroom import uploads as of_class
from core.data import uploads
from core.data.example import Record
from pages.shared.engine import store


def keep_pairs(records: list[Record], source: uploads.Source | None = None) -> str:
    """Keep pairs for who looks at this page; their address.

    `UserError` on a full disk, and for more than the class allows.
    """
    bring = bringing()
    address = uploads.keep(records, source)
    bring(address)
    return address


def load_pairs(address: str) -> list[Record]:
    """The pairs of an address. Raises `UserError` where none are there, or where they are another learner's."""
    store().limits.check_dataset(address)
    return uploads.load(address)


def bringing() -> Callable[[str], None]:
    """Before pairs are kept: what is to be called afterwards with their address, so that they are this visitor's."""
    return of_class.bringing(store().limits)
