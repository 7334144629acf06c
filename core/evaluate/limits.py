"""How long answers may be while they are scored, and the sentence that says how many were cut.

A right answer must fit: the limit follows the longest reference of the data. Imports no torch.
"""

from collections.abc import Sequence

from core import catalog
from core.answer import Answer
from core.data.tokenizer import ChatTokenizer
from core.events import Evaluation, Sample

FREE_TOKENS = 16
"""Length of the answer to a prompt that belongs to no task."""
CUSTOM_TOKENS = 48
"""Of answers to uploaded pairs, where the references are shorter."""
MARGIN = 8
"""Tokens beyond the longest reference, so that a slightly longer answer is seen to be longer."""
CUT_MARK = "[…]"
"""Stands after an answer that was cut, wherever single answers are shown."""
EMPTY_MARK = "(empty answer)"
"""Stands for an answer without a visible character, so that it does not look like a missing one."""


def usual_limit(task: str) -> int:
    """The length limit of a task whose references are shorter."""
    known = catalog.TASKS.get(task)
    return known.max_new_tokens if known else CUSTOM_TOKENS if task else FREE_TOKENS


def answer_limit(
    task: str,
    references: Sequence[str],
    tokenizer: ChatTokenizer,
    *,
    longest_prompt: int,
    wanted: int = 0,
) -> int:
    """The longest answer while scoring a test set, in tokens.

    It is what is `wanted`; with 0 the task's own limit, or that of the longest reference with its end
    token and a margin where this is more. Never more than the context leaves after the longest prompt.
    """
    longest = max((len(tokenizer.encode(text)) + 1 for text in references), default=0)
    usual = usual_limit(task)
    limit = wanted or (usual if longest <= usual else longest + MARGIN)
    return max(1, min(limit, tokenizer.longest_sequence - longest_prompt))


def cut_line(n_cut: int, n: int, *, limit: int) -> str:
    """ "3 of 40 answers were cut at 96 tokens"; empty where none was, or nobody counted."""
    was = "was" if n_cut == 1 else "were"
    at = f"at {limit} token{'' if limit == 1 else 's'}"
    return f"{n_cut} of {n} answers {was} cut {at}" if n_cut else ""


def cut_line_of(e: Evaluation) -> str:
    return cut_line(e.n_cut, e.n, limit=e.max_new_tokens)


def as_shown(answer: Answer) -> str:
    """The text of an answer, marked where it was cut or is empty."""
    text = answer.text if answer.text.strip() else EMPTY_MARK
    return f"{text} {CUT_MARK}" if answer.was_cut else text


def sample_as_shown(sample: Sample) -> str:
    """The answer of a sample event, marked where it was cut."""
    return as_shown(Answer(sample.output, sample.was_cut))


def cut_lines(evaluations: Sequence[Evaluation]) -> list[str]:
    """How many answers were cut at the last check of each task; tasks without a cut are left out."""
    last = {e.task: e for e in evaluations}
    return [
        f"{catalog.task_title(task)} at step {e.step}: {line}"
        for task, e in last.items()
        if (line := cut_line_of(e))
    ]
