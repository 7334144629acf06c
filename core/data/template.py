"""Prompt templates: text with {field} placeholders, filled from a record's fields."""

import re
from collections.abc import Mapping

from core.errors import UserError, shortened
from core.typed_json import Json

_PLACE = re.compile(r"\{(\w+)\}")
_ONE_SPACE = re.compile(r"\A (?=\S)")
_BLANK_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")


def placeholders(template: str) -> list[str]:
    """The field names a template asks for, in order, each once."""
    return list(dict.fromkeys(_PLACE.findall(template)))


def fill(template: str, record: Mapping[str, Json]) -> str:
    """Put the record's fields into the template; white space around it goes (see `trimmed`).

    >>> fill("Review: {text}", {"text": "Lovely."})
    'Review: Lovely.'

    Raises `UserError` when the record lacks a field. Only {word} is replaced: other braces stay, and
    braces inside a field are not filled again.
    """

    def value(placeholder: re.Match[str]) -> str:
        name = placeholder.group(1)
        if name not in record:
            known = ", ".join(f"{{{key}}}" for key in record if key != "completion")
            raise UserError(
                f"The template asks for {{{shortened(name)}}}; the data has {shortened(known)}."
            )
        return str(record[name])

    return trimmed(_PLACE.sub(value, template))


def trimmed(text: str) -> str:
    r"""A prompt or completion without what is around it: blank lines before, white space after.

    The indentation of its first line stays: in code and lists it means something. A single space is none:
    some formats put it before every completion.

    >>> trimmed("\n\n    return x\n")
    '    return x'
    """
    return _ONE_SPACE.sub("", _BLANK_LINES.sub("", text)).rstrip()
