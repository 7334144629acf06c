"""Do all pairs and prompts fit? Found before the model is loaded; every one that does not is named.

A pair (prompt, completion and end token) has the limit of training in every split, so that the same file
gets the same sentence whatever the seed. A prompt that is answered needs room for its answer.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.data import encode as encoding
from core.data.example import Example
from core.data.listing import MOST_NAMED, count, first_few
from core.data.tokenizer import MOST_CHARACTERS, ChatTokenizer
from core.errors import UserError

SEAM = 8
"""Tokens that a text may have more where it is cut than it has there as a whole."""


class Long(NamedTuple):
    """A pair or prompt that is too long."""

    number: int
    n_tokens: int
    is_more: bool = False
    """There are more tokens: the text is too long by far, and was not read to its end."""

    @property
    def words(self) -> str:
        """ "1,100 tokens", "more than 30,000 tokens" """
        return f"{'more than ' if self.is_more else ''}{self.n_tokens:,} tokens"


def check_length(ids: Sequence[int], tokenizer: ChatTokenizer, max_new_tokens: int) -> None:
    """`UserError` when a prompt is empty or leaves no room for its answer: the one limit of all that is asked."""
    if not ids:
        raise UserError("The prompt is empty; type something for the model to answer.")
    n, limit = len(ids), tokenizer.longest_sequence
    if n > limit:
        raise UserError(
            f"The prompt has {n:,} tokens; at most {limit:,} can be answered. Shorten it."
        )
    if n + max_new_tokens > limit:
        raise UserError(
            f"The prompt has {n:,} tokens and the answer up to {max_new_tokens:,}; together at most "
            f"{limit:,} are possible. Shorten one of them."
        )


def check_lengths(prompts: Iterable[str], tokenizer: ChatTokenizer, max_new_tokens: int) -> None:
    """`UserError` for the first of the prompts that is too long to be answered."""
    for prompt in prompts:
        check_length(tokenizer.ask(prompt), tokenizer, max_new_tokens)


def pair_limit(tokenizer: ChatTokenizer) -> int:
    """The longest pair: prompt, completion and end token."""
    return min(encoding.MAX_TOKENS, tokenizer.context)


def long_pairs(examples: Iterable[Example], tokenizer: ChatTokenizer) -> list[Long]:
    """Pairs over the limit of training."""
    around, limit = len(tokenizer.ask("")) + 1, pair_limit(tokenizer)
    found: list[Long] = []
    for e in examples:
        if _is_surely_short(e.prompt + e.completion, limit - around):
            continue
        for read in _read(limit, n_found=len(found)):
            completion = len(tokenizer.encode(e.completion[:read]))
            n = len(tokenizer.ask(e.prompt[:read])) + completion + 1
            is_more = max(len(e.prompt), len(e.completion)) > read
            if n > limit + is_more * SEAM or (is_more and read == MOST_CHARACTERS):
                found.append(Long(e.number, n, is_more))
                break
    return found


def long_prompts(
    prompts: Iterable[tuple[int, str]], tokenizer: ChatTokenizer, *, room: int
) -> list[Long]:
    """Numbered prompts that leave less than `room` tokens for their answer."""
    around, limit = len(tokenizer.ask("")), tokenizer.longest_sequence - room
    found: list[Long] = []
    for number, prompt in prompts:
        if _is_surely_short(prompt, limit - around):
            continue
        for read in _read(limit, n_found=len(found)):
            n, is_more = len(tokenizer.ask(prompt[:read])), len(prompt) > read
            if n > limit + is_more * SEAM or (is_more and read == MOST_CHARACTERS):
                found.append(Long(number, n, is_more))
                break
    return found


def _read(limit: int, *, n_found: int) -> tuple[int, ...]:
    """How many characters of a text to cut into tokens, and how many where those say nothing.

    What a sentence names is counted. Of all others the beginning tells, which takes a twentieth of the time.
    """
    return (MOST_CHARACTERS,) if n_found < MOST_NAMED else (4 * limit, MOST_CHARACTERS)


def longest_completion(examples: Sequence[Example], tokenizer: ChatTokenizer) -> int:
    """Room that the longest right answer needs, its end token included."""
    texts = sorted({e.completion[:MOST_CHARACTERS] for e in examples}, key=len, reverse=True)[:20]
    return max((len(tokenizer.encode(text)) + 1 for text in texts), default=1)


def too_long(found: Sequence[Long], limit: int, *, what: str, word: str, parts: str) -> str:
    """The sentence for what is too long; empty when nothing is."""
    if not found:
        return ""
    named = first_few([f"{word} {one.number} ({one.words})" for one in found])
    it = "it" if len(found) == 1 else "them"
    return (
        f"{what}: {count(len(found), word)} over the limit of {limit:,} tokens for {parts}: {named}. "
        f"Shorten {it} or remove {it}."
    )


def check_test_pairs(
    examples: Sequence[Example], tokenizer: ChatTokenizer, *, what: str, word: str
) -> None:
    """`UserError` when a prompt that is scored leaves no room for an answer as long as the longest."""
    wanted = longest_completion(examples, tokenizer)
    limit = tokenizer.longest_sequence
    if wanted >= limit:
        raise UserError(
            f"{what}: the longest right answer is {wanted:,} tokens; with its prompt the limit is "
            f"{limit:,}. Shorten it or remove it."
        )
    prompts = ((e.number, e.prompt) for e in examples)
    found = long_prompts(prompts, tokenizer, room=wanted)
    if found:
        parts = f"a prompt that needs {wanted:,} more for its answer"
        raise UserError(too_long(found, limit - wanted, what=what, word=word, parts=parts))


def _is_surely_short(text: str, limit: int) -> bool:
    """No tokenizer here makes more tokens of a text than it has bytes."""
    return 4 * len(text) <= limit or len(text.encode("utf-8", "replace")) <= limit
