"""Pairs to token ids, and which tokens the loss sees: the completion and the end token, no other."""

from dataclasses import dataclass

from core.data.example import Example
from core.data.tokenizer import MOST_CHARACTERS, ChatTokenizer
from core.errors import UserError

MAX_TOKENS = 1024
"""Longest pair we train on; a longer one would make a lesson wait."""


@dataclass(frozen=True)
class Encoded:
    prompt_ids: list[int]
    completion_ids: list[int]
    """Ends with the end-of-text token, so that the model learns to stop."""

    @property
    def ids(self) -> list[int]:
        return self.prompt_ids + self.completion_ids

    @property
    def labels(self) -> list[int]:
        """As Hugging Face writes them: -100 where the loss does not look, the token id elsewhere."""
        return [-100] * len(self.prompt_ids) + self.completion_ids


def encode(example: Example, tokenizer: ChatTokenizer) -> Encoded:
    """Prompt through the chat template, completion and end token after it.

    The two are tokenised apart, so that the prompt's ids while training are exactly its ids while
    answering. Raises `UserError` when the pair is longer than the model's context or MAX_TOKENS;
    `run_data` finds all such pairs of a run before it begins.
    """
    if len(example.completion) > MOST_CHARACTERS:
        raise UserError(
            f"A completion has {len(example.completion):,} characters; at most {MOST_CHARACTERS:,} "
            "can be read. Shorten or remove it."
        )
    encoded = Encoded(
        tokenizer.ask(example.prompt),
        [*tokenizer.encode(example.completion), tokenizer.end_id],
    )
    limit = min(MAX_TOKENS, tokenizer.context)
    if len(encoded.ids) > limit:
        raise UserError(
            f"A pair is {len(encoded.ids)} tokens long, over the limit of {limit}: "
            f"“{example.prompt[:60]}…”. Shorten or remove it."
        )
    return encoded
