"""Texts that are nearly the same: most of their words are shared.

Two texts are near when the sets of their words have a Jaccard similarity (shared words / all words of both) of at
least NEAR, and so have the sets without the words that many texts share: an instruction that every prompt begins
with makes no two of them alike. Candidates are found exactly, by the prefixes of the sets with the rarest words
first (Bayardo, Ma and Srikant 2007, "Scaling up all pairs similarity search"), so that not all pairs are compared.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

NEAR = 0.8
"""A ten-word text with one word changed has 9 / 11 = 0.82."""
COMMON_SHARE = 0.2
FEW = 5
"""A word is common that stands in more than a fifth of the texts, and in more than so many."""
MOST_COMPARED = 300_000
"""Comparisons; thousands of alike texts would take minutes, and more than enough are found by then."""
WORD = re.compile(r"\w+")
Words = frozenset[str]


class Near(NamedTuple):
    """A text and an earlier one that is nearly the same, by their places."""

    later: int
    earlier: int


def near_pairs(texts: Sequence[str]) -> list[Near]:
    """Of each text the first earlier one that is near, if there is one; equal texts are no such pair."""
    every = [frozenset(WORD.findall(text.casefold())) for text in texts]
    counts = Counter(word for words in every for word in words)
    most = max(FEW, COMMON_SHARE * len(texts))
    rare = [frozenset(w for w in words if counts[w] <= most) for words in every]
    found: dict[int, Near] = {}
    for compared, (later, earlier) in enumerate(_candidates(rare, counts)):
        if compared == MOST_COMPARED:
            break
        if later in found or texts[later] == texts[earlier]:
            continue
        if _jaccard(rare[later], rare[earlier]) >= NEAR <= _jaccard(every[later], every[earlier]):
            found[later] = Near(later, earlier)
    return [found[later] for later in sorted(found)]


def _candidates(sets: Sequence[Words], counts: Counter[str]) -> Iterator[tuple[int, int]]:
    """Pairs that share a word of their prefixes: no other pair can be near."""
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for place, words in enumerate(sets):
        if not words:
            continue
        in_order = sorted(words, key=lambda word: (counts[word], word))
        prefix = in_order[: len(words) - math.ceil(NEAR * len(words)) + 1]
        earlier = dict.fromkeys(one for word in prefix for one in holders[word])
        yield from ((place, one) for one in sorted(earlier))
        for word in prefix:
            holders[word].append(place)


def _jaccard(one: Words, other: Words) -> float:
    return len(one & other) / len(one | other)
