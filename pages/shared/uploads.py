"""Uploaded pairs as the visitor of a page has them: kept in their space, read from it."""

from collections.abc import Callable

from core.data import uploads
from core.data.example import Record
from pages.shared.visitor import classroom, visitor


def keep_pairs(records: list[Record], source: uploads.Source | None = None) -> str:
    """Keep pairs for who looks at this page; their address. `UserError` on a full disk."""
    hold = bringing()
    address = uploads.keep(records, source)
    hold(address)
    return address


def load_pairs(address: str) -> list[Record]:
    """The pairs of an address. Raises `UserError` where this visitor has none there."""
    if (who := visitor()).role != "owner":
        classroom().uploads.check(who, address)
    return uploads.load(address)


def bringing() -> Callable[[str], None]:
    """Before pairs are kept: what is to be called afterwards with their address, so that they are this visitor's."""
    who = visitor()
    return (lambda address: None) if who.role == "owner" else classroom().uploads.bringing(who)
