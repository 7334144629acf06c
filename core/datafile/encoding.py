"""Which encoding a text file has, and its text.

A byte-order mark says it. Without one, what is valid UTF-8 is UTF-8; text whose every other byte is zero is UTF-16,
as some Windows programs write it; anything else without control characters is Windows-1252, as spreadsheets save
CSV in Western Europe and America. That last one is a guess, so it is said, with the words to check it by.
"""

import codecs
import re
from dataclasses import dataclass

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", ""),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
"""A byte-order mark, Python's name of the encoding, and what people call it; "" for the usual one."""
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
"""No text holds these; a file that does is none."""
SPECIAL = re.compile(r"\w*[^\x00-\x7f]\w*")
MOST_SHOWN, LONGEST_SHOWN = 3, 30
LOOKED_AT = 4_000
"""Bytes by which UTF-16 without a mark is told."""


@dataclass(frozen=True, kw_only=True)
class Text:
    content: str
    encoding: str = ""
    """Empty for UTF-8."""
    warning: str = ""


def decoded(content: bytes, name: str) -> Text | None:
    """The text of a file; None for bytes that are no text in any encoding known here."""
    for mark, python_name, title in MARKS:
        if content.startswith(mark):
            text = _try(content, python_name)
            return None if text is None else Text(content=text, encoding=title)
    if half := _utf16_half(content):
        text = _try(content, half)
        return None if text is None else Text(content=text, encoding="UTF-16")
    if (text := _try(content, "utf-8")) is not None:
        return Text(content=text)
    text = _try(content, "cp1252")
    if text is None or CONTROL.search(text):
        return None
    words = list(dict.fromkeys(SPECIAL.findall(text)))[:MOST_SHOWN]
    shown = ", ".join(f"“{word[:LONGEST_SHOWN]}”" for word in words)
    said = (
        f"{name} is not UTF-8; it is read as Windows-1252. Check its special characters: {shown}. "
        "If they are wrong, save the file as UTF-8."
    )
    return Text(content=text, encoding="Windows-1252", warning=said)


def _try(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def _utf16_half(content: bytes) -> str:
    """Python's name of UTF-16 without a mark: every other byte of Latin text is zero. Empty for anything else."""
    start = content[:LOOKED_AT]
    if len(start) < 4 or len(content) % 2:
        return ""
    zeros = [start[n::2].count(0) / len(start[n::2]) for n in (0, 1)]
    if zeros[1] > 0.5 and zeros[0] < 0.05:
        return "utf-16-le"
    return "utf-16-be" if zeros[0] > 0.5 and zeros[1] < 0.05 else ""
