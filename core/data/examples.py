"""The pairs a run trains on, watches and is tested on: of the built-in tasks, or of an upload.

Built-in tasks keep raw fields (`text`, `question`, …) that the task's template turns into a prompt, and a
test file of their own. How a file becomes records with `prompt` and `completion` is in `intake`; how pairs
are divided so that no test prompt is trained on, in `split`.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from core import catalog
from core.config import DataConfig
from core.data import uploads
from core.data.example import Example, Record, make_example
from core.data.listing import count, name_lines
from core.data.split import (
    by_prompt,
    distinct,
    duplicate_notes,
    pairs,
    shuffled,
    take,
    without_prompts_of,
)
from core.data.template import placeholders
from core.errors import UserError, quote, shortened

CUSTOM_TEMPLATE = "{prompt}"
PARTS = ("train", "validation", "test")
"""The parts of a split, as a record's `split` field names them."""

__all__ = ["CUSTOM_TEMPLATE", "Example", "Splits", "load_splits", "make_example", "task_examples"]


@dataclass(frozen=True, kw_only=True)
class Splits:
    train: list[Example]
    validation: list[Example]
    """Kept out of training to watch the loss."""
    test: list[Example]
    """Never trained on; the score comes from here."""
    notes: tuple[str, ...] = ()
    """What was grouped or left out, and prompts with different answers, in plain sentences."""
    fixed: bool = False
    """The records themselves say to which part they belong, so neither seed nor share decides."""


def task_records(task: str, split: str) -> list[Record]:
    """Raw records of a built-in split, e.g. ("sentiment", "test")."""
    known = catalog.find_task(task)
    if split not in known.splits:
        raise UserError(f"The task {quote(task)} has no {shortened(split)} split.")
    return [
        json.loads(line)
        for line in known.path(split).read_text("utf-8").splitlines()
        if line.strip()
    ]


def task_examples(task: str, split: str, *, template: str = "") -> list[Example]:
    """Prompt-completion pairs of a built-in split, through the task's template or another one."""
    known = catalog.find_task(task)
    if split == "probe" and known.probe_template:
        template = template or known.probe_template
    return [
        make_example(record, template or wording(known, record), number=n)
        for n, record in enumerate(task_records(task, split), start=1)
    ]


def wording(task: catalog.Task, record: Record) -> str:
    """The template of one record: always the same one, and each wording for a like share of them.

    Which one follows from the text; of a task without a `text`, from the first field its template asks
    for, or from the whole record.
    """
    every = (task.template, *task.wordings)
    known = (record[name] for name in ("text", *placeholders(task.template)) if name in record)
    chosen_by = str(next(known, json.dumps(record, sort_keys=True, ensure_ascii=False)))
    return every[zlib.crc32(chosen_by.encode()) % len(every)]


def load_splits(config: DataConfig, *, seed: int) -> Splits:
    """The pairs of a run; equal for equal config and seed.

    Built-in tasks have their own test file. An uploaded dataset gives a fifth of its pairs (at least
    one, at most 200) to the test split, unless its records name their part (`split`). Validation pairs
    come out of the training pairs. All pairs of one prompt are in one part.
    """
    if config.task == catalog.CUSTOM_TASK:
        return _custom_splits(config, seed)
    task = catalog.find_task(config.task)
    if "train" not in task.splits:
        raise UserError(f"The task {task.id!r} is for evaluation only; train on another one.")
    pool = task_examples(task.id, "train", template=config.template)
    test = task_examples(task.id, "test", template=config.template)
    pool, left_out = without_prompts_of(pool, test)
    if not pool:
        raise UserError(
            "With this template every training prompt is a test prompt, too; let it ask for more "
            "fields, for example " + task.template
        )
    notes = [_left_out(left_out, "pair")] if left_out else []
    return _divided(config, seed, pool, test, notes)


def _custom_splits(config: DataConfig, seed: int) -> Splits:
    """The splits of an upload: as its records say, or by seed."""
    records, source = uploads.load(config.dataset), uploads.source(config.dataset)
    known = len(source.lines) == len(records)
    numbers = source.lines if known else range(1, len(records) + 1)
    template = config.template or CUSTOM_TEMPLATE
    every = [make_example(r, template, number=n) for r, n in zip(records, numbers, strict=True)]
    if says_its_parts(records):
        return _as_said(config, every, source.word)
    notes, pool = duplicate_notes(every, word=source.word), distinct(every)
    groups = by_prompt(pool)
    if len(pool) < 4:
        raise UserError(f"The dataset has {count(len(pool), 'pair')}; training needs at least 4.")
    if len(groups) == 1:
        raise UserError(
            "All pairs have the same prompt, so none can be kept for the test; "
            "add other prompts, or let the template ask for more fields."
        )
    n_test = min(max(1, len(pool) // 5), 200)
    test, left = take(shuffled(groups, f"test {seed}"), n_test)
    return _divided(config, seed, pairs(left), pairs(test), notes)


def _divided(
    config: DataConfig, seed: int, pool: list[Example], test: list[Example], notes: Sequence[str]
) -> Splits:
    """Validation pairs taken out of the pool by prompts; the rest is trained on."""
    groups = shuffled(by_prompt(pool), f"train {seed}")
    validation, train = take(groups, round(len(pool) * config.validation_share))
    return Splits(
        train=pairs(train)[: config.train_examples or None],
        validation=pairs(validation),
        test=test,
        notes=tuple(notes),
    )


def says_its_parts(records: Sequence[Record]) -> bool:
    """Whether every record names its part, and there is something to train on and to test."""
    said = [record.get("split") for record in records]
    return all(part in PARTS for part in said) and all(part in said for part in ("train", "test"))


def _as_said(config: DataConfig, every: list[Example], word: str) -> Splits:
    """The parts that the records name; a prompt in two of them is left out of the earlier one."""
    tested_first = sorted(every, key=lambda e: -PARTS.index(e.fields["split"]))
    notes, pool = duplicate_notes(tested_first, word=word), distinct(tested_first)
    train, validation, test = ([e for e in pool if e.fields["split"] == part] for part in PARTS)
    validation, tested = without_prompts_of(validation, test)
    train, known = without_prompts_of(train, [*validation, *test])
    if not train:
        raise UserError("No training pairs are left; add some whose prompts are not tested.")
    left_out = [*known, *tested]
    sizes = ", ".join(
        f"{len(part):,} {name}" for part, name in zip((train, validation, test), PARTS, strict=True)
    )
    said = f"The data say themselves which pairs belong where (split): {sizes}."
    return Splits(
        train=train[: config.train_examples or None],
        validation=validation,
        test=test,
        notes=(*notes, said, *([_left_out(left_out, word)] if left_out else [])),
        fixed=True,
    )


def _left_out(examples: Sequence[Example], word: str) -> str:
    numbers = name_lines([e.number for e in examples], word)
    return (
        f"{count(len(examples), 'pair')} left out of training, because the same prompt is kept for "
        f"the test or validation: {numbers}."
    )
