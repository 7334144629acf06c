"""The tour of the home page as data: which control, what it is called, what to say of it.

    for stop in stops(): stop.selector, stop.title, stop.text

It stands in assets/course/tour.toml; assets/components/tour.js walks through it.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.errors import UserError
from core.paths import ASSETS
from core.typed_json import read

FOLDER = ASSETS / "course"
FILE = "tour.toml"
WORDS_A_SECOND = 2.5
"""At which one reads and looks."""


@dataclass(frozen=True, kw_only=True)
class Stop:
    selector: str
    """CSS of a control of the home page."""
    title: str
    text: str


@cache
def stops(*, folder: Path = FOLDER) -> tuple[Stop, ...]:
    """In their order. Raises `UserError` where the file is wrong."""
    try:
        table = tomllib.loads((folder / FILE).read_text("utf-8"))
        return read(tuple[Stop, ...], table.get("stops", ()))
    except (OSError, ValueError) as error:
        raise UserError(f"{FILE} cannot be read: {error}.") from error


def seconds(*, folder: Path = FOLDER) -> float:
    """How long reading it takes."""
    n_words = sum(len(f"{one.title} {one.text}".split()) for one in stops(folder=folder))
    return n_words / WORDS_A_SECOND
