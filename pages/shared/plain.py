"""Text from outside, shown as text: addresses, files and their names, prompts, answers, reasons of failure.

Streamlit draws sentences as Markdown, so `![](http://…)` in a link would make the reader's browser fetch
that address, and `2 * 3 * 4` in an answer would lose its stars. What did not grow in this source goes
through `plain` (or `quoted`) on its way to the screen; `tests/pages/test_plain.py` finds what does not.
Tables and code blocks show text as it is.
"""

import re

JOINER = "\u2060"
"""The word joiner: of no width, and no line breaks at it."""
MARKS = re.compile(r"([!#$&*+:<=>@\[\]\\^_`{|}~-])")
"""Punctuation that may mean something; after a backslash, it is itself."""
NUMBERED = re.compile(r"^(\d+)(?=[.)])")
"""What would begin a list."""
REPLACED = re.compile(
    r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)|(?<=:)(?=\w+[:/])|(?<=-)(?=[->])|(?<=<)(?=[-=])|(?<=>)(?==)",
    re.IGNORECASE,
)
"""What is made a link, an icon or an arrow even where it is escaped: its parts are kept apart."""


def plain(text: str) -> str:
    """Markdown that shows exactly this text, line breaks and leading blanks too."""
    text = text.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be sent
    lines = [_line(line) for line in text.strip("\n").splitlines()]
    return "\\\n".join(lines)


def quoted(text: str) -> str:
    """The same as a quotation; "…" for no text."""
    return "> " + plain(text or "…").replace("\n", "\n> ")


def _line(line: str) -> str:
    shown = line.lstrip()
    indent = len(line.expandtabs()) - len(line.expandtabs().lstrip())
    shown = MARKS.sub(r"\\\1", REPLACED.sub(JOINER, shown))
    return "\u00a0" * indent + NUMBERED.sub(r"\1\\", shown)
