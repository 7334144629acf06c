"""N-gram overlap between a reference and an output, as ROUGE defines it (Lin 2004, sections 2-3).

    recall    = matched n-grams / n-grams in the reference
    precision = matched n-grams / n-grams in the output
    F1        = their harmonic mean; an n-gram matches at most as often as it stands in both

With `rouge_words` the figures equal the rouge-score package's. That tokenizer drops every letter
outside a-z, so "José" becomes "jos"; the app's scores use `unicode_words` instead.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

Words = Callable[[str], list[str]]
WORDS_ONLY = "Only words count: a sign, a symbol or an emoji is no word, so by these figures “-1” is as good as “1”."
"""To stand wherever a page shows them beside exact answers."""


@dataclass(frozen=True, kw_only=True)
class Overlap:
    matched: int
    in_reference: int
    in_output: int
    matches: dict[tuple[str, ...], int]
    """Each matched n-gram and how often it counts."""

    @property
    def recall(self) -> float:
        return self.matched / self.in_reference if self.in_reference else 0.0

    @property
    def precision(self) -> float:
        return self.matched / self.in_output if self.in_output else 0.0

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def rouge_words(text: str) -> list[str]:
    """Words as the rouge-score package cuts them (no stemming): lower-case runs of a-z and 0-9."""
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).split()


def unicode_words(text: str) -> list[str]:
    """Words in any script, case folded.

    >>> unicode_words("It's José!")
    ['it', 's', 'josé']
    """
    return re.findall(r"\w+", unicodedata.normalize("NFC", text).casefold())


def ngram_overlap(
    reference: str, output: str, *, n: int = 1, words: Words = rouge_words
) -> Overlap:
    """ROUGE-n of `output` against `reference`."""
    return words_overlap(words(reference), words(output), n=n)


def words_overlap(reference: list[str], output: list[str], *, n: int = 1) -> Overlap:
    """ROUGE-n of texts that are cut into words already."""
    in_reference, in_output = ngrams(reference, n), ngrams(output, n)
    matches = in_reference & in_output  # the smaller of the two counts
    return Overlap(
        matched=matches.total(),
        in_reference=in_reference.total(),
        in_output=in_output.total(),
        matches=dict(matches),
    )


def lcs_overlap(reference: str, output: str, *, words: Words = rouge_words) -> Overlap:
    """ROUGE-L: the longest common subsequence takes the place of the matched n-grams."""
    a, b = words(reference), words(output)
    return common_overlap(a, b, longest_common_subsequence(a, b))


def common_overlap(a: list[str], b: list[str], common: list[tuple[int, int]]) -> Overlap:
    """ROUGE-L of words whose common subsequence is found already."""
    return Overlap(
        matched=len(common),
        in_reference=len(a),
        in_output=len(b),
        matches={tuple(a[i] for i, _ in common): 1} if common else {},
    )


def longest_common_subsequence(a: list[str], b: list[str]) -> list[tuple[int, int]]:
    """Index pairs (i, j) with a[i] == b[j], rising in both, as many as possible."""
    longest = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in reversed(range(len(a))):
        for j in reversed(range(len(b))):
            longest[i][j] = (
                1 + longest[i + 1][j + 1]
                if a[i] == b[j]
                else max(longest[i + 1][j], longest[i][j + 1])
            )
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(a) and j < len(b):
        if a[i] == b[j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif longest[i + 1][j] >= longest[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs


def ngrams(words: list[str], n: int) -> Counter[tuple[str, ...]]:
    """How often each n-gram stands in `words`."""
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
