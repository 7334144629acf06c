"""The glossary: each term once, in a sentence or two, with a link to where it happens in the app.

    terms()["lora"].definition
    found("low-rank adaptation").id              # "lora", by a synonym
    pieces("LoRA trains a low rank.", terms())   # the text, cut at the first use of each term

It stands in assets/course/glossary.toml, a table a term in alphabetical order; a translation is another folder.
"""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from core.course.lessons import LAB, LESSONS, Page
from core.errors import UserError, quote
from core.paths import ASSETS
from core.typed_json import read

FOLDER = ASSETS / "course"
FILE = "glossary.toml"
LONGEST_CHARACTERS = 330
"""Of a definition: one or two sentences."""
PAGES: dict[str, Page] = {page.id: page for page in (*LESSONS, *LAB)}
NO_MARKS = re.compile(r"^#.*$|`[^`]*`|\[[^\]]*\]\([^)]*\)|https?://\S+|\$[^$\n]*\$", re.MULTILINE)
"""Where no term is marked: headings, code, links, addresses and formulas."""
NOT_A_LETTER = re.compile(r"[^\w]+|_")


@dataclass(frozen=True, kw_only=True)
class Term:
    id: str
    name: str
    definition: str
    page: str
    """The lesson or lab page where it happens."""
    heading: str = ""
    """On that page; "" is its top."""
    synonyms: tuple[str, ...] = ()
    see: tuple[str, ...] = ()
    """Ids of other terms."""

    @property
    def names(self) -> tuple[str, ...]:
        """All that it is called."""
        return self.name, *self.synonyms

    @property
    def address(self) -> str:
        """Of the place where it happens."""
        path = PAGES[self.page].url_path
        return f"{path}#{anchor_of(self.heading)}" if self.heading else path


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of a text: plain, or the first use of a term."""

    text: str
    term: Term | None = None


@cache
def terms(*, folder: Path = FOLDER) -> dict[str, Term]:
    """Every term by its id. Raises `UserError` that says where the file is wrong."""
    path = folder / FILE
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{FILE} cannot be read: {error}.") from error
    known, found = {one.name for one in fields(Term)}, dict[str, Term]()
    for id, one in table.items():
        try:
            if unknown := one.keys() - known:
                raise ValueError(f"{', '.join(sorted(unknown))} is not known here")
            found[id] = read(Term, {**one, "id": id})
        except (ValueError, AttributeError) as error:
            raise UserError(f"{FILE}, {quote(id)}: {error}") from error
    return found


def found(name: str, *, folder: Path = FOLDER) -> Term | None:
    """The term that is called so, whatever the case; None where there is none."""
    wanted = name.strip().casefold()
    for term in terms(folder=folder).values():
        if wanted == term.id or wanted in map(str.casefold, term.names):
            return term
    return None


def anchor_of(heading: str) -> str:
    """The anchor that Streamlit makes of a heading.

    >>> anchor_of("2 · The loop, one phase at a time")
    '2-the-loop-one-phase-at-a-time'
    """
    return "-".join(filter(None, NOT_A_LETTER.split(heading.lower())))


def pieces(text: str, among: Mapping[str, Term]) -> Iterator[Piece]:
    """The text cut at the first use of each term; together the pieces are the text.

    Code, links and formulas are left alone. Where one name stands in another, the longer one counts.
    """
    closed = [match.span() for match in NO_MARKS.finditer(text)]
    used, done = set[str](), 0
    for match in _pattern(among).finditer(text):
        term = _by_name(among)[match[0].casefold()]
        is_closed = any(start < match.end() and match.start() < end for start, end in closed)
        if is_closed or term.id in used:
            continue
        used.add(term.id)
        if match.start() > done:
            yield Piece(text=text[done : match.start()])
        yield Piece(text=match[0], term=term)
        done = match.end()
    if done < len(text):
        yield Piece(text=text[done:])


def _by_name(among: Mapping[str, Term]) -> dict[str, Term]:
    return {name.casefold(): term for term in among.values() for name in term.names}


def _pattern(among: Mapping[str, Term]) -> re.Pattern[str]:
    longest_first = sorted(_by_name(among), key=len, reverse=True)
    names = "|".join(map(re.escape, longest_first)) or "(?!)"
    return re.compile(rf"(?<![\w-])(?:{names})(?![\w-])", re.IGNORECASE)


def problems(
    *, folder: Path = FOLDER, headings: Mapping[str, Collection[str]] | None = None
) -> list[str]:
    """What is wrong with the glossary, in sentences; `headings` are those of each page, where they are known."""
    known, wrong = terms(folder=folder), list[str]()
    order = [_sort_key(term.name) for term in known.values()]
    for before, after, term in zip(order, order[1:], list(known.values())[1:], strict=False):
        if before > after:
            wrong.append(f"{quote(term.name)} is not in alphabetical order.")
    taken: dict[str, str] = {}
    for term in known.values():
        for name in term.names:
            other = taken.setdefault(name.casefold(), term.id)
            if other != term.id:
                wrong.append(f"{quote(name)} names {other} and {term.id}.")
        wrong += _problems_of(term, known, headings)
    return wrong


def _problems_of(
    term: Term, known: Mapping[str, Term], headings: Mapping[str, Collection[str]] | None
) -> Iterator[str]:
    if term.page not in PAGES:
        yield f"{term.id}: there is no page {quote(term.page)}."
    elif headings is not None and term.heading and term.heading not in headings.get(term.page, ()):
        yield f"{term.id}: the page {term.page} has no heading {quote(term.heading)}."
    for other in term.see:
        if other not in known or other == term.id:
            yield f"{term.id}: it refers to {quote(other)}, which is no other term."
    if not term.definition.endswith("."):
        yield f"{term.id}: the definition ends without a full stop."
    if len(term.definition) > LONGEST_CHARACTERS:
        yield f"{term.id}: the definition has {len(term.definition)} characters, more than {LONGEST_CHARACTERS}."


def _sort_key(name: str) -> str:
    """Quotation marks and brackets at the beginning do not count."""
    return name.casefold().lstrip("“(\"'").strip()
