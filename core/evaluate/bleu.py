"""BLEU of one sentence (Papineni et al. 2002), by sacrebleu, with every number on the way.

    BLEU = brevity penalty × geometric mean of the clipped precisions of 1- to 4-grams

A precision without a match would make it all 0. So the first such precision counts as half a match,
the second as a quarter, and so on (sacrebleu's "exp"), and n-grams longer than the output are left out.
"""

from dataclasses import dataclass


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


def sentence_bleu(reference: str, output: str, *, lowercase: bool = False) -> Bleu:
    """BLEU of `output` against one reference; case counts unless `lowercase`.

    Words are sacrebleu's "13a": marks stand alone, "3.5" stays whole.

    >>> sentence_bleu("It's 3.5 m, right?", "It's 3.5 m!").matched
    (3, 2, 1, 0)
    """
    from sacrebleu.metrics.bleu import BLEU  # seldom wanted

    metric = BLEU(lowercase=lowercase, smooth_method="exp", effective_order=True)
    found = metric.sentence_score(output, [reference])
    return Bleu(
        score=found.score,
        matched=tuple(found.counts),
        total=tuple(found.totals),
        precisions=tuple(precision / 100 for precision in found.precisions),
        brevity_penalty=found.bp,
        n_output=found.sys_len,
        n_reference=found.ref_len,
    )
