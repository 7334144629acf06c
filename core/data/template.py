"""Prompt templates: text with {field} places, filled from a record's fields."""

import re
from typing import Any

from core.errors import UserError

_PLACE = re.compile(r"\{(\w+)\}")


def places(template: str) -> list[str]:
    """The field names a template asks for, in order, each once."""
    return list(dict.fromkeys(_PLACE.findall(template)))


def fill(template: str, record: dict[str, Any]) -> str:
    """Put the record's fields into the template; surrounding white space is dropped.

    >>> fill("Review: {text}", {"text": "Lovely."})
    'Review: Lovely.'

    Raises `UserError` when the record lacks a field. Only {word} is replaced: other braces stay, and
    braces inside a field are not filled again.
    """

    def value(place: re.Match[str]) -> str:
        name = place.group(1)
        if name not in record:
            known = ", ".join(f"{{{key}}}" for key in record if key != "completion")
            raise UserError(f"The template asks for {{{name}}}; the data has {known}.")
        return str(record[name])

    return _PLACE.sub(value, template).strip()
