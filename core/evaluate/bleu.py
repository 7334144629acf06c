"""BLEU of one sentence (Papineni et al. 2002), as sacrebleu computes it, with every number on the way.

    BLEU = brevity penalty × geometric mean of the clipped precisions of 1- to 4-grams

A precision without a match would make it all 0. So the first such precision counts as half a match,
the second as a quarter, and so on (sacrebleu's "exp"), and n-grams longer than the output are left out.
"""

import math
import re
from dataclasses import dataclass

from core.evaluate.overlap import ngrams

LONGEST = 4
_MARKS = re.compile(r"([{-~\[-` -&(-+:-@/])")
_AFTER_NO_DIGIT = re.compile(r"([^0-9])([.,])")
_BEFORE_NO_DIGIT = re.compile(r"([.,])([^0-9])")
_DASH = re.compile(r"([0-9])(-)")
_ENTITIES = {"&quot;": '"', "&amp;": "&", "&lt;": "<", "&gt;": ">"}


@dataclass(frozen=True, kw_only=True)
class Bleu:
    score: float
    """From 0 to 100, as is usual for BLEU."""
    matched: tuple[int, ...]
    """Clipped matches of 1-grams, 2-grams, …"""
    total: tuple[int, ...]
    """N-grams in the output."""
    precisions: tuple[float, ...]
    """From 0 to 1, smoothed; 0 for lengths that are left out."""
    brevity_penalty: float
    n_output: int
    n_reference: int


def bleu_words(text: str) -> list[str]:
    """Words as sacrebleu's "13a" cuts them: marks stand alone, "3.5" stays whole.

    >>> bleu_words("It's 3.5 m, right?")
    ["It's", '3.5', 'm', ',', 'right', '?']
    """
    text = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, character in _ENTITIES.items():
        text = text.replace(entity, character)
    text = _MARKS.sub(r" \1 ", f" {text} ")
    text = _AFTER_NO_DIGIT.sub(r"\1 \2 ", text)
    text = _BEFORE_NO_DIGIT.sub(r" \1 \2", text)
    return _DASH.sub(r"\1 \2 ", text).split()


def sentence_bleu(reference: str, output: str, *, lowercase: bool = False) -> Bleu:
    """BLEU of `output` against one reference; case counts unless `lowercase`."""
    if lowercase:
        reference, output = reference.lower(), output.lower()
    given, wanted = bleu_words(output), bleu_words(reference)
    matched: list[int] = []
    total: list[int] = []
    for n in range(1, LONGEST + 1):
        ours, theirs = ngrams(given, n), ngrams(wanted, n)
        matched.append((ours & theirs).total())
        total.append(ours.total())
    penalty = 1.0
    if len(given) < len(wanted):
        penalty = math.exp(1 - len(wanted) / len(given)) if given else 0.0
    precisions = _smoothed(matched, total)
    used = [p for p in precisions if p]
    mean = math.exp(sum(map(math.log, used)) / len(used)) if used else 0.0
    return Bleu(
        score=100 * penalty * mean,
        matched=tuple(matched),
        total=tuple(total),
        precisions=tuple(precisions),
        brevity_penalty=penalty,
        n_output=len(given),
        n_reference=len(wanted),
    )


def _smoothed(matched: list[int], total: list[int]) -> list[float]:
    if not any(matched):
        return [0.0] * LONGEST
    precisions: list[float] = []
    part = 1.0
    for hits, n in zip(matched, total, strict=True):
        if n and not hits:
            part /= 2
        precisions.append((hits or part) / n if n else 0.0)
    return precisions
