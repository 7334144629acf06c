"""One output against one reference, with everything a page draws: matches, counts, arithmetic."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.config import check_number
from core.evaluate.answers import contains, exact_match
from core.evaluate.bleu import Bleu, sentence_bleu
from core.evaluate.overlap import (
    Overlap,
    common_overlap,
    longest_common_subsequence,
    ngrams,
    words_overlap,
)
from core.evaluate.words import CutText, Cutting, cut

LONGEST = 6
"""Longest n-grams one can ask for."""
MATCHED, SURPLUS, ALONE = "matched", "surplus", "alone"
"""A word stands in a counted n-gram; only in n-grams of which the other text has fewer; in neither."""


@dataclass(frozen=True, kw_only=True)
class NgramCount:
    ngram: str
    in_reference: int
    in_output: int

    @property
    def counted(self) -> int:
        """Clipped: the smaller of the two."""
        return min(self.in_reference, self.in_output)


@dataclass(frozen=True, kw_only=True)
class TextComparison:
    reference: CutText
    output: CutText
    n: int
    overlap: Overlap
    """Of n-grams."""
    counts: tuple[NgramCount, ...]
    """Of every n-gram that stands in either text, in the order of the reference, then the output."""
    reference_marks: tuple[str, ...]
    output_marks: tuple[str, ...]
    rouge_1: Overlap
    rouge_2: Overlap
    rouge_l: Overlap
    common: tuple[tuple[int, int], ...]
    """Index pairs of the longest common subsequence: a word of the reference, one of the output."""
    bleu: Bleu
    exact_match: bool
    """As scores of whole answers count it, whatever is a word here; likewise `contains`."""
    contains: bool

    @property
    def in_words(self) -> str:
        """Whether the output is the reference, or has it in it: a sentence."""
        if self.exact_match:
            return "The output is the reference: exact match."
        held = "stands in the output" if self.contains else "does not stand in the output"
        return f"No exact match: the reference {held}."

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "n": self.n,
            "exact_match": self.exact_match,
            "contains": self.contains,
            **_figures(self.overlap),
            "ngrams": [{**asdict(c), "counted": c.counted} for c in self.counts],
            "rouge_1": _figures(self.rouge_1),
            "rouge_2": _figures(self.rouge_2),
            "rouge_l": _figures(self.rouge_l),
            "common_subsequence": [self.reference.shown[i] for i, _ in self.common],
            "bleu": asdict(self.bleu),
            "reference_words": _marked(self.reference, self.reference_marks),
            "output_words": _marked(self.output, self.output_marks),
        }


def compare_texts(
    reference: str, output: str, *, n: int = 1, how: Cutting | None = None
) -> TextComparison:
    """Every overlap measure of `output` against `reference`.

    >>> found = compare_texts("the cat sat", "the the cat")
    >>> found.overlap.matched, found.output_marks
    (2, ('matched', 'surplus', 'matched'))
    """
    check_number("n", n, 1, LONGEST, whole=True)
    how = how or Cutting()
    one, other = cut(reference, how), cut(output, how)
    common = longest_common_subsequence(one.forms, other.forms)
    overlap = words_overlap(one.forms, other.forms, n=n)
    in_reference, in_output = ngrams(one.forms, n), ngrams(other.forms, n)
    return TextComparison(
        reference=one,
        output=other,
        n=n,
        overlap=overlap,
        counts=tuple(
            NgramCount(
                ngram=" ".join(gram), in_reference=in_reference[gram], in_output=in_output[gram]
            )
            for gram in [*in_reference, *(gram for gram in in_output if gram not in in_reference)]
        ),
        reference_marks=_marks(one.forms, n, overlap.matches, in_output),
        output_marks=_marks(other.forms, n, overlap.matches, in_reference),
        rouge_1=words_overlap(one.forms, other.forms, n=1),
        rouge_2=words_overlap(one.forms, other.forms, n=2),
        rouge_l=common_overlap(one.forms, other.forms, common),
        common=tuple(common),
        bleu=sentence_bleu(reference, output, lowercase=how.lowercase),
        exact_match=exact_match(reference, output),
        contains=contains(reference, output),
    )


def _marks(
    forms: Sequence[str],
    n: int,
    counted: dict[tuple[str, ...], int],
    elsewhere: Counter[tuple[str, ...]],
) -> tuple[str, ...]:
    """The first occurrences of an n-gram are counted, as often as both texts have it."""
    left = dict(counted)
    marks = [ALONE] * len(forms)
    for start in range(len(forms) - n + 1):
        gram = tuple(forms[start : start + n])
        is_counted = left.get(gram, 0) > 0
        if is_counted:
            left[gram] -= 1
        for place in range(start, start + n):
            if is_counted:
                marks[place] = MATCHED
            elif gram in elsewhere and marks[place] == ALONE:
                marks[place] = SURPLUS
    return tuple(marks)


def _figures(found: Overlap) -> dict[str, float]:
    return {
        "matched": found.matched,
        "in_reference": found.in_reference,
        "in_output": found.in_output,
        "precision": found.precision,
        "recall": found.recall,
        "f1": found.f1,
    }


def _marked(text: CutText, marks: Sequence[str]) -> list[dict[str, str]]:
    return [{"word": w, "mark": mark} for w, mark in zip(text.shown, marks, strict=True)]
