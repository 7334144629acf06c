"""Do all pairs and prompts fit? Found before the model is loaded; every one that does not is named.

A pair (prompt, completion and end token) has the limit of training in every split, so that the same file
gets the same sentence whatever the seed. A prompt that is answered needs room for its answer.
"""

from collections.abc import Iterable, Sequence

from core.data import encode as encoding
from core.data.example import Example
from core.data.listing import count, first_few
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError

MOST_CHARACTERS = 100_000
"""Of a longer text, so much is read: it is too long by far."""
Long = tuple[int, int]
"""The number of a pair, and its tokens."""


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
        completion = len(tokenizer.encode(e.completion[:MOST_CHARACTERS]))
        n = len(tokenizer.ask(e.prompt[:MOST_CHARACTERS])) + completion + 1
        if n > limit:
            found.append((e.number, n))
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
        n = len(tokenizer.ask(prompt[:MOST_CHARACTERS]))
        if n > limit:
            found.append((number, n))
    return found


def longest_completion(examples: Sequence[Example], tokenizer: ChatTokenizer) -> int:
    """Room that the longest right answer needs, its end token included."""
    texts = sorted({e.completion[:MOST_CHARACTERS] for e in examples}, key=len, reverse=True)[:20]
    return max((len(tokenizer.encode(text)) + 1 for text in texts), default=1)


def too_long(found: Sequence[Long], limit: int, *, what: str, word: str, parts: str) -> str:
    """The sentence for what is too long; empty when nothing is."""
    if not found:
        return ""
    named = first_few([f"{word} {number} ({n:,} tokens)" for number, n in found])
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
