"""Everything that a run reads, loaded and checked without the model: what `RunConfig` names, as pairs.

Called before a run gets its place in the store, so that data that cannot be used costs a second and leaves
no failed run behind; and once more by the run itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core import catalog
from core.config import EARLIER, DataConfig, RunConfig
from core.data import uploads
from core.data.examples import Example, Splits, load_splits, task_examples
from core.data.lengths import (
    long_pairs,
    long_prompts,
    longest_completion,
    pair_limit,
    too_long,
)
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError

WATCHED_ROOM = 16
"""Tokens of the answer to a watched prompt."""


@dataclass(frozen=True, kw_only=True)
class RunData:
    splits: dict[str, Splits]
    """Of each task that is trained on."""
    rehearsed: list[Example]
    tests: dict[str, list[Example]]
    """Test examples of every task that is scored, trained ones first."""

    @property
    def notes(self) -> list[str]:
        """What was grouped, left out or contradicts, in plain sentences."""
        return [note for found in self.splits.values() for note in found.notes]


def load_run_data(config: RunConfig, tokenizer: ChatTokenizer) -> RunData:
    """Load, split and check the data of a run.

    Raises `UserError` for data that cannot be used; all pairs that are too long are named at once.
    """
    splits = {task: own_splits(config, task) for task in config.data.tasks}
    if not all(found.train for found in splits.values()):
        raise UserError("No training pairs are left after the split; add more data.")
    if config.optimizer.patience and not any(found.validation for found in splits.values()):
        raise UserError(
            "Stopping early watches the loss on validation pairs, and none are kept; "
            "keep a larger share for validation, add pairs, or do not stop early."
        )
    rehearsed: list[Example] = []
    if config.cure.rehearse and config.cure.rehearse != EARLIER:
        rehearsed = load_splits(DataConfig(task=config.cure.rehearse), seed=config.seed).train
    tests = {
        task: splits[task].test if task in splits else task_examples(task, "test")
        for task in config.evaluation_tasks()
    }
    data = RunData(splits=splits, rehearsed=rehearsed, tests=tests)
    _check_lengths(config, data, tokenizer)
    return data


def own_splits(config: RunConfig, task: str) -> Splits:
    """The splits of one of the tasks that a run trains on; equal for equal configs."""
    if task == config.data.task:
        return load_splits(config.data, seed=config.seed)
    alone = replace(config.data, task=task, others=(), weights=())
    return load_splits(alone, seed=config.seed)


def _check_lengths(config: RunConfig, data: RunData, tokenizer: ChatTokenizer) -> None:
    problems: list[str] = []
    named = set[str]()
    for task, found in data.splits.items():
        source = uploads.source(config.data.dataset) if task == catalog.CUSTOM_TASK else None
        what, word = (source.name, source.word) if source else (f"The task {task}", "pair")
        # Not those of `train_examples` alone: a file gets one sentence, whatever is drawn from it.
        whole = replace(config.data, task=task, others=(), weights=(), train_examples=0)
        every = load_splits(whole, seed=config.seed) if config.data.train_examples else found
        pairs = [*every.train, *every.validation, *(every.test if source else ())]
        too_long_here = _pair_problems(pairs, tokenizer, what, word)
        if source and not problems and not too_long_here:
            room = longest_completion(pairs, tokenizer)
            too_long_here = _prompt_problems(pairs, tokenizer, room, what, word)
        problems += too_long_here
        if too_long_here:
            named.add(task)
    problems += _pair_problems(
        data.rehearsed, tokenizer, f"The rehearsed task {config.cure.rehearse}", "pair"
    )
    for task, examples in data.tests.items():
        if task in catalog.TASKS and task not in named:
            room = catalog.TASKS[task].max_new_tokens
            what = f"The test of the task {task}"
            problems += _prompt_problems(examples, tokenizer, room, what, "pair")
    watched = [Example(prompt=p, completion="") for p in config.evaluation.prompts]
    numbered = [replace(e, number=n) for n, e in enumerate(watched, start=1)]
    problems += _prompt_problems(numbered, tokenizer, WATCHED_ROOM, "Watched prompts", "prompt")
    if problems:
        raise UserError(" ".join(dict.fromkeys(problems)))


def _number(example: Example) -> int:
    return example.number


def _pair_problems(
    examples: Sequence[Example], tokenizer: ChatTokenizer, what: str, word: str
) -> list[str]:
    found = long_pairs(sorted(examples, key=_number), tokenizer)
    parts = "prompt and completion together"
    said = too_long(found, pair_limit(tokenizer), what=what, word=word, parts=parts)
    return [said] if said else []


def _prompt_problems(
    examples: Sequence[Example], tokenizer: ChatTokenizer, room: int, what: str, word: str
) -> list[str]:
    numbered = ((e.number, e.prompt) for e in sorted(examples, key=_number))
    found = long_prompts(numbered, tokenizer, room=room)
    parts = f"a prompt that needs {room:,} more for its answer"
    said = too_long(found, tokenizer.longest_sequence - room, what=what, word=word, parts=parts)
    return [said] if said else []
