"""Uploaded datasets, kept under the address of their content: the same pairs have the same name.

Beside the pairs stands, where it is known, which file they came from last and on which lines, so that a
sentence can name the line to mend.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from core.data.example import Record
from core.errors import UserError, quote, shortened
from core.paths import data_dir, write_whole


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a dataset came from."""

    name: str = "The data"
    lines: Sequence[int] = ()
    """Of each pair, its line in the file; empty where that is not known."""

    @property
    def word(self) -> str:
        """What the numbers of its pairs count."""
        return "line" if self.lines else "pair"


def folder() -> Path:
    return data_dir() / "datasets"


def keep(records: list[Record], source: Source | None = None) -> str:
    """Store records and return their address (16 hex digits of the SHA-256 of their JSONL)."""
    text = "".join(json.dumps(r, ensure_ascii=False, sort_keys=True) + "\n" for r in records)
    try:
        content = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(f"The dataset cannot be saved: {shortened(error)}.") from error
    address = hashlib.sha256(content).hexdigest()[:16]
    path = folder() / f"{address}.jsonl"
    if not path.is_file():
        _write(path, content)
    if source:
        _write(path.with_suffix(".source.json"), json.dumps(asdict(source)).encode())
    return address


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise UserError(
            f"The dataset cannot be saved: {shortened(error.strerror or error)}."
        ) from error


def source(address: str) -> Source:
    """Where a kept dataset came from, as far as that is known."""
    try:
        said = json.loads((folder() / f"{address}.source.json").read_text("utf-8"))
        return Source(name=said["name"], lines=said["lines"])
    except (OSError, ValueError, LookupError, TypeError):
        return Source()


def load(address: str) -> list[Record]:
    """Records of a kept dataset; `UserError` for an address that is not here."""
    path = folder() / f"{address}.jsonl"
    if not re.fullmatch(r"[0-9a-f]{16}", address) or not path.is_file():
        raise UserError(
            f"The uploaded dataset {quote(address)} is not on this machine; upload it again."
        )
    try:
        return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
    except (OSError, ValueError) as error:
        raise UserError(f"The kept dataset {path} is damaged; upload it again.") from error


def is_here(address: str) -> bool:
    return (
        bool(re.fullmatch(r"[0-9a-f]{16}", address)) and (folder() / f"{address}.jsonl").is_file()
    )
