"""What an untouched base model answers and scores, kept on disk: every run measures it at step 0, and it
never changes.

A file for each identity (core/runs/identity.py: code, model, device, precision), so that what another code
or model said is never taken for this one's. Its first line is a checksum of the others, each one result, the
newest last. A damaged file counts as none, and a disk that refuses it as a run without it.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.answer import Answer
from core.errors import UserError
from core.models.load import LoadedModel
from core.paths import data_dir, write_whole

MOST_BYTES = 4 * 2**20
"""Of one file: some 5,000 answers. The oldest results go first."""
MOST_FILES = 8
"""Of other code, models or precisions; the one written longest ago goes first."""


class BaseResults:
    """What is kept for one identity: `recall` before a run, `keep` once the base was measured."""

    def __init__(self, identity: str) -> None:
        name = hashlib.sha256(identity.encode()).hexdigest()[:24]
        self.path = _folder() / f"{name}.jsonl"
        self.kept: set[str] = set()

    def recall(self, base: LoadedModel) -> None:
        """Give `base` what is kept; what it knows already stays."""
        lines = self._lines()
        for line in lines:
            _recall(base, json.loads(line))
        self.kept = set(lines)

    def keep(self, base: LoadedModel) -> None:
        """Write what `base` knows beside what is kept, if there is anything new."""
        found = list(_lines_of(base))
        if self.kept.issuperset(found):
            return
        lines, size = list[str](), 0
        for line in reversed(dict.fromkeys([*self._lines(), *found])):
            size += len(line.encode()) + 1
            if size > MOST_BYTES:
                break
            lines.append(line)
        text = "\n".join(reversed(lines))
        self.kept = set(found)
        with suppress(UserError, OSError):
            write_whole(self.path, f"{_checksum(text)}\n{text}".encode())
            _drop_oldest(self.path.parent)

    def _lines(self) -> list[str]:
        try:
            checksum, _, text = self.path.read_text("utf-8").partition("\n")
        except (OSError, ValueError):
            return []
        return text.splitlines() if text and checksum == _checksum(text) else []


def _folder() -> Path:
    return data_dir() / "base_results"


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _lines_of(base: LoadedModel) -> Iterator[str]:
    """One JSON line a result: its kind, its key, what was found."""
    for key, answer in base.answers.items():
        yield json.dumps(["answer", key, answer.text, answer.was_cut])
    for name, loss in base.losses.items():
        yield json.dumps(["loss", name, loss])
    for key, (first, rows) in base.next_tokens.items():
        yield json.dumps(["next", key, first, rows])
    for (labels, prompt), logs in base.label_logs.items():
        yield json.dumps(["labels", [labels, prompt], logs])


def _recall(base: LoadedModel, found: list[Any]) -> None:
    kind, key, *values = found
    if kind == "answer":
        base.answers.setdefault(tuple(key), Answer(*values))
    elif kind == "loss":
        base.losses.setdefault(key, *values)
    elif kind == "labels":
        labels, prompt = key
        base.label_logs.setdefault((tuple(labels), tuple(prompt)), tuple(*values))
    else:
        first, rows = values
        base.next_tokens.setdefault(tuple(key), (first, tuple((i, p) for i, p in rows)))


def _drop_oldest(folder: Path) -> None:
    files = sorted(folder.glob("*.jsonl"), key=_written_at)
    for file in files[:-MOST_FILES]:
        file.unlink(missing_ok=True)


def _written_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:  # another process dropped it
        return 0.0
