"""What is asked of a model at a prompt, what it replies, and which prompts are read together. Needs torch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from core.answer import Answer

LONGEST_ALONE = 2048
"""A group takes no more memory than a prompt of so many tokens alone, about 550 MB beside the small model. Groups of
64 short prompts, up to 140 tokens with their answers, take less."""
LINEAR = 400
"""What a token takes, counted in pairs of a token and one that it attends to (120 bytes): measured for prompts of 110 to
1,900 tokens."""
CACHED = 200
"""Of it, what its keys and values take."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One prompt and what is wanted of the model there: any of three, all from one reading."""

    prompt: tuple[int, ...]
    limit: int = 0
    """Tokens of the longest answer, its end counted; 0: no answer is wanted."""
    labels: tuple[str, ...] = ()
    """Texts whose probability as the whole answer is wanted."""
    wants_next: bool = False
    """Whether the logits of the next token are wanted."""

    @property
    def wants_anything(self) -> bool:
        return bool(self.limit or self.labels or self.wants_next)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What was found of a question; None or () where it was not asked for."""

    answer: Answer | None = None
    label_logs: tuple[float, ...] = ()
    """log p(label and end | prompt) of each label, in nats."""
    next_logits: torch.Tensor | None = None
    """(V,) float32."""


def groups(questions: Sequence[Question], most: int) -> Iterator[list[Question]]:
    """Questions to be read together, at most `most`; those of like length should follow each other."""
    group: list[Question] = []
    shared: tuple[int, ...] = ()
    for question in questions:
        prompt = question.prompt
        known = _beginning(shared, prompt) if group else prompt
        room = _pairs(LONGEST_ALONE, 1, 0)
        longest = len(prompt) + question.limit
        if group and (len(group) == most or _pairs(longest, len(group) + 1, len(known)) > room):
            yield group
            group, known = [], prompt
        group.append(question)
        shared = known
    if group:
        yield group


def _pairs(longest: int, n: int, n_shared: int) -> int:
    """The memory of `n` prompts that begin with `n_shared` tokens alike, in pairs; see `LINEAR`."""
    once = n_shared * (n_shared + LINEAR)
    return once + n * ((longest - n_shared) * (longest + LINEAR) + n_shared * CACHED)


def _beginning(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    """What both begin with."""
    n = next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    return tuple(one[:n])
