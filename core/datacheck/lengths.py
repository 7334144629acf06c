"""Findings about lengths, in the tokens of the model that is to be trained: what is too long, and what is cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from statistics import mean, median

from core.data.example import Example
from core.data.lengths import long_pairs, pair_limit, too_long
from core.data.listing import count, name_lines
from core.data.tokenizer import MOST_CHARACTERS, ChatTokenizer
from core.datacheck.findings import Finding

MOST_COUNTED = 2_000
"""Pairs; to count the tokens of so many takes about a second."""


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """Tokens of prompts (in the chat template) and of completions (with the end token)."""

    prompts: list[int]
    completions: list[int]
    shared: int
    """Tokens that all prompts begin with: the head of the template, and what the data add."""

    def batch_tokens(self, n: int) -> float:
        """What a batch of `n` pairs computes, on average: what all begin with is computed once."""
        if not self.prompts:
            return 0.0
        own = mean(self.prompts) + mean(self.completions) - self.shared
        return self.shared + n * own


def lengths_of(examples: Sequence[Example], tokenizer: ChatTokenizer) -> Lengths:
    """Of the first MOST_COUNTED pairs, those aside that are too long by far."""
    counted = [
        e
        for e in examples[:MOST_COUNTED]
        if max(len(e.prompt), len(e.completion)) <= MOST_CHARACTERS
    ]
    prompts = [tokenizer.ask(e.prompt) for e in counted]
    return Lengths(
        prompts=[*map(len, prompts)],
        completions=[len(tokenizer.encode(e.completion)) + 1 for e in counted],
        shared=_shared(prompts),
    )


def _shared(prompts: list[list[int]]) -> int:
    """How many tokens all begin with alike; of lists in order, the first and the last tell."""
    if not prompts:
        return 0
    first, last = min(prompts), max(prompts)
    together = zip(first, last, strict=False)
    return sum(1 for _ in takewhile(lambda two: two[0] == two[1], together))


def length_findings(
    examples: Sequence[Example],
    tokenizer: ChatTokenizer,
    *,
    answer_limit: int,
    what: str,
    word: str,
) -> list[Finding]:
    """The usual lengths, pairs over the limit, and answers that would be cut while they are scored.

    `answer_limit` is what the settings allow an answer, in tokens; 0 follows the longest right answer.
    """
    found = lengths_of(examples, tokenizer)
    long, limit = long_pairs(examples, tokenizer), pair_limit(tokenizer)
    findings: list[Finding] = []
    if long:
        parts = "prompt and completion together"
        said = too_long(long, limit, what=what, word=word, parts=parts)
        lines = tuple(one.number for one in long)
        findings.append(Finding(kind="too_long", level="stops", sentence=said, lines=lines))
    cut = [
        e.number
        for e, n in zip(examples, found.completions, strict=False)
        if answer_limit and n > answer_limit
    ]
    if cut and len(found.completions) == min(len(examples), MOST_COUNTED):
        said = (
            f"{count(len(cut), 'right answer')} {'is' if len(cut) == 1 else 'are'} longer than the "
            f"{answer_limit} tokens that an answer may have while it is scored: {name_lines(cut, word)}. "
            "Such an answer is cut and counts as wrong; raise the limit, or set it to 0."
        )
        findings.append(Finding(kind="answers_cut", level="look", sentence=said, lines=tuple(cut)))
    if found.prompts:
        first = "" if len(examples) <= MOST_COUNTED else f"Of the first {MOST_COUNTED:,} pairs: "
        said = (
            f"{first}A prompt is {median(found.prompts):.0f} tokens long (median; the longest "
            f"{max(found.prompts):,}), a completion {median(found.completions):.0f} (the longest "
            f"{max(found.completions):,}). A pair may have {limit:,}; none is cut while training."
        )
        findings.append(Finding(kind="lengths", level="note", sentence=said))
    return findings
