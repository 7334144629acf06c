"""Search over lessons, lab pages and the terms of the glossary: simple, and in the reader's words.

    search("forget")        # [Hit(kind="lesson", title="Catastrophic forgetting", …), Hit(kind="term", …)]

Every word of the query must be found: as a word, as the beginning of one, or, for words of four letters or more,
nearly so. A word in a title counts most, one in a synonym nearly as much, one in a text least.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from core.course.glossary import terms
from core.course.lessons import LAB, LESSONS
from core.evaluate.overlap import unicode_words

LESSON, PAGE, TERM = "lesson", "page", "term"
IN_TITLE, IN_SYNONYM, IN_TEXT = 10.0, 8.0, 1.0
WHOLE, BEGINNING, NEARLY = 1.0, 0.6, 0.3
SHORTEST_NEARLY, NEARLY_CUTOFF = 4, 0.8
LONGEST_QUERY = 200


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Something that can be found."""

    kind: str
    id: str
    title: str
    address: str
    text: str
    """One sentence or two."""
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Hit:
    entry: Entry
    score: float


def search(query: str, *, among: Sequence[Entry] | None = None, most: int = 20) -> list[Hit]:
    """The entries that fit all words of the query, the best first; [] for a query without words."""
    words = unicode_words(query[:LONGEST_QUERY])
    if not words:
        return []
    hits: list[Hit] = []
    for entry in entries() if among is None else among:
        scores = [_score(word, entry) for word in words]
        if all(scores):
            is_name = query.strip().casefold() in map(str.casefold, (entry.title, *entry.synonyms))
            hits.append(Hit(entry=entry, score=sum(scores) + (IN_TITLE if is_name else 0.0)))
    return sorted(hits, key=lambda hit: -hit.score)[:most]


@cache
def entries() -> tuple[Entry, ...]:
    """Everything, in the order in which equally good hits are shown."""
    found = [
        Entry(kind=kind, id=page.id, title=page.title, address=page.url_path, text=page.summary)
        for kind, pages in ((LESSON, LESSONS), (PAGE, LAB))
        for page in pages
    ]
    found += [
        Entry(
            kind=TERM,
            id=term.id,
            title=term.name,
            address=term.address,
            text=term.definition,
            synonyms=term.synonyms,
        )
        for term in terms().values()
    ]
    return tuple(found)


def _score(word: str, entry: Entry) -> float:
    """How well a word fits; 0 where it does not."""
    title, text = unicode_words(entry.title), unicode_words(entry.text)
    synonyms = [one for name in entry.synonyms for one in unicode_words(name)]
    return max(
        IN_TITLE * _fit(word, title), IN_SYNONYM * _fit(word, synonyms), IN_TEXT * _fit(word, text)
    )


def _fit(word: str, among: Iterable[str]) -> float:
    found = list(among)
    if word in found:
        return WHOLE
    if any(one.startswith(word) for one in found):
        return BEGINNING
    if len(word) >= SHORTEST_NEARLY and get_close_matches(word, found, 1, NEARLY_CUTOFF):
        return NEARLY
    return 0.0
