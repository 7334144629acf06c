"""A lesson's text: named sections of Markdown, in which figures and links are references.

    # question
    In the last lesson the model learned reviews. What became of the rest?

    # notion
    Names went from {{textbook.names.before}} to {{textbook.names.after}}. More in [Cures](lesson:cures).

A figure is looked up in what was measured (core/course/citations.py), never typed; `{{= 0.8}}` is a number that is
no measurement: a made-up example, a setting, or what others claim. A link leads to a `lesson:`, a `page:` of the
lab, a `source:` of the lesson, or an address.
"""

import re
from collections.abc import Iterator, Mapping

from core.course.citations import NOT_RECORDED, figure
from core.course.lessons import LAB, LESSONS
from core.course.sources import Source
from core.errors import UserError, quote

SECTIONS = ("question", "notion", "explained", "can_say", "next_question", "take_away")
"""The question the last lesson left; the notion in two sentences; what people need to know of it; what the reader can
say now; the next question; what to take away."""
REFERENCE = re.compile(r"\{\{\s*(=?)\s*([^{}]*?)\s*\}\}")
LINK = re.compile(r"\[([^\[\]]+)\]\((\w+):([^()\s]+)\)")
TYPED = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.])|(?<!\w)\d+(?:\.\d+)?[ \u00a0]?%|(?<!\w)\d+e-?\d+")
"""A number that looks measured: with a point, a percentage, or a power of ten."""


def sections(text: str, *, where: str) -> dict[str, str]:
    """The sections by name. Raises `UserError` for one that is missing, unknown, empty or there twice."""
    found: dict[str, str] = {}
    for part in re.split(r"^# ", text, flags=re.MULTILINE)[1:]:
        name, _, body = part.partition("\n")
        name = name.strip()
        if name not in SECTIONS:
            raise UserError(
                f"{where} has a section {quote(name)}; its sections are: {', '.join(SECTIONS)}."
            )
        if name in found:
            raise UserError(f"{where} has the section {quote(name)} twice.")
        if not body.strip():
            raise UserError(f"{where} has nothing in the section {quote(name)}.")
        found[name] = body.strip()
    if missing := [name for name in SECTIONS if name not in found]:
        raise UserError(f"{where} lacks the section {', '.join(missing)}.")
    return found


def references(text: str) -> list[str]:
    """The figures that a text cites."""
    return [name for typed, name in REFERENCE.findall(text) if not typed]


def typed_numbers(text: str) -> list[str]:
    """Numbers that look measured and are no references."""
    return TYPED.findall(LINK.sub(r"\1", REFERENCE.sub("", text)))


def filled(text: str, figures: Mapping[str, Source]) -> str:
    """The text with its figures; a figure that is not recorded says so. `UserError` for one that means nothing."""

    def shown(match: re.Match[str]) -> str:
        typed, name = match.groups()
        if typed:
            return name
        found = figure(name, figures)
        return found.words if found else NOT_RECORDED

    return REFERENCE.sub(shown, text)


def links(text: str) -> Iterator[tuple[str, str]]:
    """Kind and target of each link."""
    for _, kind, target in LINK.findall(text):
        yield kind, target


def address_of(kind: str, target: str, sources: Mapping[str, str]) -> str:
    """Where a link leads; `UserError` for a dead one."""
    if kind in ("http", "https"):
        return f"{kind}:{target}"
    known = {
        "lesson": {page.id: page.url_path for page in LESSONS},
        "page": {page.id: page.url_path for page in LAB},
        "source": dict(sources),
    }
    if kind not in known:
        raise UserError(f"A link is to a lesson, page or source, not to a {quote(kind)}.")
    if target not in known[kind]:
        raise UserError(f"There is no {kind} {quote(target)}.")
    return known[kind][target]


def linked(text: str, sources: Mapping[str, str]) -> str:
    """The text with addresses in its links, as the app's pages need them."""
    return LINK.sub(lambda m: f"[{m[1]}]({address_of(m[2], m[3], sources)})", text)


def without_links(text: str) -> str:
    """The text for paper."""
    return LINK.sub(r"\1", text)
