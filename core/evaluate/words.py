"""Texts cut into words, each with its place, so that matches can be coloured where they stand."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any

from core.errors import UserError

MAX_WORDS = 1_000
"""Of one text: comparing two takes time by the product of their lengths."""
SHORTEST_STEMMED = 4
"""rouge-score leaves shorter words as they are."""
_PATTERNS = {
    (False, True): re.compile(r"[a-z0-9]+"),
    (False, False): re.compile(r"[A-Za-z0-9]+"),
    (True, True): re.compile(r"\w+"),
    (True, False): re.compile(r"\w+"),
}


@dataclass(frozen=True, kw_only=True)
class Cutting:
    """What is a word, and which words are equal. The defaults are those of rouge-score."""

    lowercase: bool = True
    stem: bool = False
    """Compare the stems of English words (Porter 1980): "opened" equals "opens"."""
    any_script: bool = False
    """Words are letters and digits of any script; else runs of a-z and 0-9: "José" is "jos"."""


@dataclass(frozen=True, kw_only=True)
class Word:
    form: str
    """What is compared: lower-cased and stemmed, if so asked."""
    start: int
    end: int
    """Its characters in the text are [start, end)."""


@dataclass(frozen=True, kw_only=True)
class CutText:
    text: str
    words: tuple[Word, ...]

    @property
    def forms(self) -> list[str]:
        return [word.form for word in self.words]

    @property
    def shown(self) -> list[str]:
        """The words as they stand in the text."""
        return [self.text[word.start : word.end] for word in self.words]


def cut(text: str, how: Cutting) -> CutText:
    """The words of `text` with their places.

    >>> cut("The cat's mat", Cutting()).forms
    ['the', 'cat', 's', 'mat']
    """
    if how.any_script:
        text = unicodedata.normalize("NFC", text)
    # One character may become several when its case goes (İ, ß): remember where each came from.
    fold = (str.casefold if how.any_script else str.lower) if how.lowercase else str
    pieces = [fold(character) for character in text]
    places = [place for place, piece in enumerate(pieces) for _ in piece]
    words = tuple(
        Word(
            form=_stem(found.group(), how.lowercase) if how.stem else found.group(),
            start=places[found.start()],
            end=places[found.end() - 1] + 1,
        )
        for found in _PATTERNS[how.any_script, how.lowercase].finditer("".join(pieces))
    )
    if len(words) > MAX_WORDS:
        raise UserError(f"A text has {len(words)} words; the limit is {MAX_WORDS}.")
    return CutText(text=text, words=words)


def _stem(word: str, lowercase: bool) -> str:
    if len(word) < SHORTEST_STEMMED:
        return word
    return _stemmer().stem(word, to_lowercase=lowercase)


@cache
def _stemmer() -> Any:
    from nltk.stem.porter import PorterStemmer  # slow to import, and seldom wanted

    return PorterStemmer()
