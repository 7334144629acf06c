"""What a request costs when it comes alone: tokens read, tokens written, seconds. Needs torch.

Scoring answers many prompts together, which is faster for each. A reader who waits for one answer
waits for what is measured here.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from core.data.lengths import check_length
from core.errors import Stopped
from core.generate.stream import Decoder
from core.models.load import LoadedModel


@dataclass(frozen=True)
class Request:
    """One question, answered greedily and alone."""

    seconds: float
    """From the first prompt token to the last answer token."""
    n_prompt: int
    n_computed: int
    """Prompt tokens that were computed: all of them, or those after the cached beginning."""
    n_answer: int
    """The end token counts."""


def answer_one_by_one(
    model: nn.Module,
    base: LoadedModel,
    prompts: Sequence[list[int]],
    *,
    max_new_tokens: int,
    cached: bool,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Request]:
    """Answer each prompt by itself, on the clock.

    With `cached`, what all prompts begin with has been computed before the clock starts, as a server
    with a prompt cache would have it. The first prompt is answered once more before the others, off
    the clock: the first answer of a process is slower.
    """
    for prompt in prompts:
        check_length(prompt, base.tokenizer, max_new_tokens)
    n_known = shared_length(prompts) if cached and len(prompts) > 1 else 0
    decoder = Decoder(model, base)
    if n_known:
        decoder(prompts[0][:n_known])
    for number, prompt in enumerate([prompts[0], *prompts]):
        if should_stop():
            raise Stopped
        seconds, n_answer = _answer(decoder, base, prompt[n_known:], max_new_tokens)
        if number:
            yield Request(seconds, len(prompt), len(prompt) - n_known, n_answer)
        if n_known:
            decoder.forget_after(n_known)
        else:
            decoder = Decoder(model, base)


def shared_length(prompts: Sequence[list[int]]) -> int:
    """How many tokens all prompts begin with alike, leaving at least one to each."""
    first, last = min(prompts), max(prompts)  # what these two share, all between them share
    alike = (n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return min(next(alike, len(first)), min(map(len, prompts)) - 1)


@torch.no_grad()
def _answer(
    decoder: Decoder, base: LoadedModel, tokens: Sequence[int], max_new_tokens: int
) -> tuple[float, int]:
    """Seconds and the number of answer tokens; the decoder keeps what it saw."""
    start, n_answer = time.perf_counter(), 0
    token = int(decoder(tokens).argmax())
    while True:
        n_answer += 1
        if token in base.tokenizer.end_ids or n_answer == max_new_tokens:
            return time.perf_counter() - start, n_answer
        token = int(decoder([token]).argmax())
