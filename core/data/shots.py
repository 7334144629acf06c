"""Few-shot prompts: solved examples that stand before a question."""

from collections.abc import Sequence

from core.config import DataConfig, check_choice, check_number
from core.data.examples import Example, load_splits
from core.data.lengths import Long, too_long
from core.data.tokenizer import ChatTokenizer, Message
from core.errors import UserError, quote

FORMS = ("chat", "text")
"""How solved examples are shown: as earlier turns of the chat, or all in one message."""
MOST_SHOTS = 16


def draw_shots(task: str, k: int, *, seed: int) -> list[Example]:
    """The first `k` training examples under a seed: those that a run with k examples would train on.

    So prompting and tuning see the same labelled pairs, and 4 shots are 2 shots and two more.
    """
    check_number("The number of examples shown", k, 0, MOST_SHOTS, whole=True)
    pool = load_splits(DataConfig(task=task), seed=seed).train
    if k > len(pool):
        raise UserError(
            f"The task {quote(task)} has {len(pool)} training pairs; show at most as many."
        )
    return pool[:k]


def with_shots(question: Example, shots: Sequence[Example]) -> str:
    """A prompt that shows solved examples before it asks."""
    worked = [f"{e.prompt}\nAnswer: {e.completion}" for e in shots]
    return "\n\n".join([*worked, f"{question.prompt}\nAnswer:" if shots else question.prompt])


def turns_with_shots(question: Example, shots: Sequence[Example]) -> list[Message]:
    """A chat in which the examples are earlier turns."""
    turns: list[Message] = []
    for e in shots:
        turns.append({"role": "user", "content": e.prompt})
        turns.append({"role": "assistant", "content": e.completion})
    return [*turns, {"role": "user", "content": question.prompt}]


def chat_with_shots(question: Example, shots: Sequence[Example], tokenizer: ChatTokenizer) -> str:
    """The text the model reads when the examples were earlier turns of the chat."""
    return tokenizer.chat(turns_with_shots(question, shots))


def ask_with_shots(
    question: Example, shots: Sequence[Example], tokenizer: ChatTokenizer, *, form: str = "chat"
) -> list[int]:
    """Token ids of one request. Without shots both forms are the plain question."""
    check_choice("The form of the examples", form, FORMS)
    if form == "chat":
        return tokenizer.encode_chat(turns_with_shots(question, shots))
    return tokenizer.ask(with_shots(question, shots))


def ask_all_with_shots(
    questions: Sequence[Example],
    shots: Sequence[Example],
    tokenizer: ChatTokenizer,
    *,
    form: str,
    room: int,
) -> list[list[int]]:
    """Token ids of every request; `UserError`, naming them all, when some leave no `room` to answer."""
    asked = [ask_with_shots(question, shots, tokenizer, form=form) for question in questions]
    limit = tokenizer.longest_sequence - room
    long = [
        Long(e.number, len(ids))
        for e, ids in zip(questions, asked, strict=True)
        if len(ids) > limit
    ]
    if long:
        parts = f"a prompt that needs {room:,} more for its answer"
        what = f"With {len(shots)} examples shown"
        said = too_long(long, limit, what=what, word="question", parts=parts)
        raise UserError(said.replace("Shorten", "Show fewer examples, or shorten"))
    return asked
