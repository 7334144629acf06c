"""Prepared links: a page with settings, and controls that are locked or hidden in it.

    link = Link(page="forgetting", settings={"forgetting_steps": ["40"]}, locked=("forgetting_steps",))
    address_of(link)                   # "forgetting?link=…": signed, as it locks something
    opened(token)                      # the same link, or a sentence

Where nothing is locked or hidden, the address says all of it ("forgetting?forgetting_steps=40") and works on any
machine. What is locked is signed with a key of this installation: edited, it no longer opens. That keeps a lesson
together and is no secret: the page itself is open to everybody.
"""

import os
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from secrets import token_hex
from urllib.parse import parse_qs, urlencode, urlsplit

from itsdangerous import BadData, URLSafeSerializer

from core.checks import check_text
from core.errors import UserError, quote
from core.paths import data_dir, flush_names, writable
from core.typed_json import read

SIGNED, SHORT, RUN = "link", "l", "run"
"""Names in an address: of a signed link, of a short one, and of the run that a page shows."""
CHANGED = (
    "This link was changed after it was made, or made on another computer, so it is not used. "
    "The page stands as it always opens."
)
PAGE = re.compile(r"[a-z0-9_]{0,40}")
MOST_SETTINGS = 60
LONGEST = 4_000
"""Characters of an address: browsers and QR codes take no more."""


@dataclass(frozen=True, kw_only=True)
class Link:
    page: str
    """The last part of a page's address; "" is the first page."""
    settings: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """What stands in its address: the controls that are not as the page opens them, and a run."""
    locked: tuple[str, ...] = ()
    """Controls that can be seen and not changed, by their names in the address."""
    hidden: tuple[str, ...] = ()
    """Controls that are not shown; they keep their value."""

    def __post_init__(self) -> None:
        if not PAGE.fullmatch(self.page):
            raise UserError(f"{quote(self.page)} is not a page of this app.")
        names = [*self.settings, *self.locked, *self.hidden]
        for text in [*names, *(value for values in self.settings.values() for value in values)]:
            check_text("A setting of the link", text)
        if len(names) > MOST_SETTINGS:
            raise UserError(
                f"A link carries at most {MOST_SETTINGS} settings; this has {len(names)}."
            )
        if {SIGNED, SHORT} & {*self.settings}:
            raise UserError("A link cannot carry another link; open that one and start from there.")

    @property
    def fixes(self) -> tuple[str, ...]:
        """The controls that keep their value: locked or hidden."""
        return tuple(dict.fromkeys((*self.locked, *self.hidden)))

    @property
    def is_signed(self) -> bool:
        return bool(self.fixes)


def link_to(address: str, *, run: str = "") -> Link:
    """What an address as a browser shows it says; `run` is a recorded run to show there.

    Raises `UserError` where it is no address of a page.
    """
    try:
        parts = urlsplit(address.strip())
        settings = parse_qs(parts.query, keep_blank_values=True, max_num_fields=MOST_SETTINGS)
    except ValueError as error:
        raise UserError(f"{quote(address)} is not an address of a page.") from error
    page = parts.path.strip("/").rpartition("/")[2]
    for own in (SIGNED, SHORT):
        settings.pop(own, None)
    return Link(page=page, settings=settings | ({RUN: [run]} if run else {}))


def address_of(link: Link) -> str:
    """What stands behind the server's name, with "/" at the beginning. `UserError` where it is too long."""
    said = {SIGNED: [_serializer().dumps(asdict(link))]} if link.is_signed else link.settings
    address = f"/{link.page}" + (f"?{urlencode(said, doseq=True)}" if said else "")
    if len(address) > LONGEST:
        raise UserError(
            f"The link has {len(address):,} characters; at most {LONGEST:,} fit. Leave settings out of it."
        )
    return address


def opened(token: str) -> Link:
    """A signed link. Raises `UserError` where it was edited, or signed on another installation."""
    try:
        return read(Link, _serializer().loads(token))
    except (BadData, ValueError, TypeError, UnicodeError) as error:
        raise UserError(CHANGED) from error


def key_file() -> Path:
    return data_dir() / "link.key"


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(_key(key_file()), salt="prepared link")


@cache
def _key(path: Path) -> str:
    """Made once for an installation; of several processes that make it at once, one wins."""
    writable(path.parent)
    try:
        new = path.with_name(f".{path.name}.{token_hex(4)}")
        with suppress(FileExistsError):
            if not path.exists():
                opened_file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(opened_file, "w") as file:
                    file.write(token_hex(32))
                    file.flush()
                    os.fsync(file.fileno())
                os.link(new, path)  # not over one that another process has just made
                flush_names(path.parent)
        new.unlink(missing_ok=True)
        return path.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise UserError(f"The key of prepared links cannot be kept in {path}: {error}.") from error
