"""Prompt-completion pairs: read, validated, split. What fine-tuning learns from.

A dataset is JSONL or CSV. Built-in tasks keep raw fields (`text`, `question`, …) that the task's
template turns into a prompt; an uploaded file has `prompt` and `completion` columns.
"""

import csv
import io
import json
import random
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import catalog
from core.config import DataConfig
from core.data import uploads
from core.data.template import fill
from core.errors import UserError

MAX_UPLOAD_BYTES = 20_000_000
MAX_UPLOAD_PAIRS = 20_000
CUSTOM_TEMPLATE = "{prompt}"


@dataclass(frozen=True, kw_only=True)
class Example:
    prompt: str
    completion: str
    tags: tuple[str, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict[str, Any], compare=False, repr=False)
    """The raw record this pair was made from."""


@dataclass(frozen=True, kw_only=True)
class Splits:
    train: list[Example]
    validation: list[Example]
    """Kept out of training to watch the loss."""
    test: list[Example]
    """Never trained on; the score comes from here."""


def make_example(record: dict[str, Any], template: str) -> Example:
    tags = record.get("tags")
    return Example(
        prompt=fill(template, record),
        completion=str(record["completion"]).strip(),
        tags=tuple(map(str, tags)) if isinstance(tags, list) else (),
        fields=record,
    )


def task_records(task: str, split: str) -> list[dict[str, Any]]:
    """Raw records of a built-in split, e.g. ("sentiment", "test")."""
    path = catalog.find_task(task).path(split)
    if not path.is_file():
        raise UserError(f"The task {task!r} has no {split} split.")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def task_examples(task: str, split: str, *, template: str = "") -> list[Example]:
    """Prompt-completion pairs of a built-in split, through the task's template or another one."""
    known = catalog.find_task(task)
    if split == "probe" and known.probe_template:
        template = template or known.probe_template
    return [
        make_example(record, template or wording(known, record))
        for record in task_records(task, split)
    ]


def wording(task: catalog.Task, record: dict[str, Any]) -> str:
    """The template of one record: always the same one, and each wording for a like share of them."""
    every = (task.template, *task.wordings)
    return every[zlib.crc32(str(record["text"]).encode()) % len(every)]


def parse(content: bytes, *, name: str) -> list[dict[str, Any]]:
    """Records of an uploaded JSONL or CSV file with `prompt` and `completion`.

    Raises `UserError` naming the line and the reason: not UTF-8, not JSON, a missing, empty or
    non-text field, too large, or no pairs at all.
    """
    if len(content) > MAX_UPLOAD_BYTES:
        raise UserError(
            f"{name} is {len(content) / 1e6:.0f} MB; the limit is {MAX_UPLOAD_BYTES / 1e6:.0f} MB."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(f"{name}, line {line}: not UTF-8 text. Save the file as UTF-8.") from error
    is_csv = name.lower().endswith(".csv")
    numbered = _csv_records(text, name) if is_csv else _jsonl_records(text, name)
    records: list[dict[str, Any]] = []
    for line, record in numbered:
        for column in ("prompt", "completion"):
            value = record.get(column)
            if not isinstance(value, str) or not value.strip():
                found = ", ".join(map(str, record)) or "nothing"
                raise UserError(
                    f"{name}, line {line}: needs a non-empty text {column!r} (it has: {found})."
                )
        records.append(record)
        if len(records) > MAX_UPLOAD_PAIRS:
            raise UserError(f"{name} has more than {MAX_UPLOAD_PAIRS} pairs; shorten it.")
    if not records:
        raise UserError(f"{name} holds no prompt-completion pairs.")
    return records


def _jsonl_records(text: str, name: str) -> Iterable[tuple[int, dict[str, Any]]]:
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            record = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{name}, line {line}: not valid JSON ({error}).") from error
        if not isinstance(record, dict):
            raise UserError(f'{name}, line {line}: expected {{"prompt": …, "completion": …}}.')
        yield line, record


def _csv_records(text: str, name: str) -> Iterable[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for record in reader:
            if None in record or None in record.values():
                raise UserError(
                    f"{name}, line {reader.line_num}: not as many cells as the header has columns."
                )
            yield reader.line_num, dict(record)
    except csv.Error as error:
        raise UserError(
            f"{name}, line {reader.reader.line_num}: not valid CSV ({error})."
        ) from error


def import_file(path: Path) -> str:
    """Validate a data file, keep a copy under its content address and return that address."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"The data file {path} cannot be read: {error.strerror}.") from error
    return uploads.keep(parse(content, name=path.name))


def load_splits(config: DataConfig, *, seed: int) -> Splits:
    """The pairs a run trains on, watches and is tested on; equal for equal config and seed.

    Built-in tasks have their own test file. An uploaded dataset gives a fifth of its pairs (at least
    one, at most 200) to the test split. Validation pairs come out of the training pairs.
    """
    if config.task == catalog.CUSTOM_TASK:
        template = config.template or CUSTOM_TEMPLATE
        records = uploads.load(config.dataset)
        pool = list(dict.fromkeys(make_example(record, template) for record in records))
        if len(pool) < 4:
            raise UserError(f"The dataset has {len(pool)} pairs; training needs at least 4.")
        random.Random(f"test {seed}").shuffle(pool)
        n_test = min(max(1, len(pool) // 5), 200)
        test, pool = pool[:n_test], pool[n_test:]
    else:
        task = catalog.find_task(config.task)
        if "train" not in task.splits:
            raise UserError(f"The task {task.id!r} is for evaluation only; train on another one.")
        pool = task_examples(task.id, "train", template=config.template)
        test = task_examples(task.id, "test", template=config.template)
    random.Random(f"train {seed}").shuffle(pool)
    n_validation = round(len(pool) * config.validation_share)
    validation, train = pool[:n_validation], pool[n_validation:]
    return Splits(train=train[: config.train_examples or None], validation=validation, test=test)
