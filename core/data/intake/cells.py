"""Cells to text: numbers and booleans are labels; what is no text has a reason in plain words."""

import json
import math
from typing import Any

from core.data.example import Record

MISSING = ("nan", "<na>", "nat")
"""What a data frame writes for a cell without a value, in lower case."""


class NotTextError(ValueError):
    """Why a cell cannot be a prompt or a completion; its message follows "the completion …"."""


def text_of(value: Any) -> str:
    """A cell as text, numbers and booleans as JSON writes them. Raises `NotTextError`."""
    if isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotTextError(
                f"is {value}, which is no value; a data frame writes that for an empty cell"
            )
        return json.dumps(value)
    if not isinstance(value, str):
        raise NotTextError("is missing" if value is None else "is no text")
    if not value.strip():
        raise NotTextError("is empty")
    if value.strip().lower() in MISSING:
        raise NotTextError(
            f"is “{value.strip().lower()}”, which a data frame writes for an empty cell"
        )
    check_characters(value)
    return value


def check_characters(value: str) -> None:
    """Raises `NotTextError` for half a surrogate pair, which JSON can spell and no file can hold."""
    half = next((sign for sign in value if "\ud800" <= sign <= "\udfff"), "")
    if half:
        raise NotTextError(f"holds \\u{ord(half):04x}, half of a character (a lone surrogate)")


def kept_fields(record: Record) -> Record:
    """The other columns that a template may ask for: texts, numbers, and the list of tags."""
    kept: Record = {}
    for name, value in record.items():
        if isinstance(value, str):
            kept[name] = value.encode("utf-8", "replace").decode()
        elif value is None or isinstance(value, bool | int | float) or name == "tags":
            kept[name] = value
    return kept
