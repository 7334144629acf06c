"""Uploaded datasets, kept under the address of their content: the same pairs have the same name."""

import hashlib
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.paths import data_dir, writable


def folder() -> Path:
    return data_dir() / "datasets"


def keep(records: list[dict[str, Any]]) -> str:
    """Store records and return their address (16 hex digits of the SHA-256 of their JSONL)."""
    text = "".join(json.dumps(r, ensure_ascii=False, sort_keys=True) + "\n" for r in records)
    try:
        content = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(f"The dataset cannot be saved: {error}.") from error
    address = hashlib.sha256(content).hexdigest()[:16]
    path = writable(folder()) / f"{address}.jsonl"
    if not path.is_file():
        try:
            with tempfile.NamedTemporaryFile(dir=folder(), delete=False) as f:
                f.write(content)
            os.replace(f.name, path)  # noqa: PTH105
        except OSError as error:
            raise UserError(f"The dataset cannot be saved: {error}.") from error
    return address


def load(address: str) -> list[dict[str, Any]]:
    """Records of a kept dataset; `UserError` for an address that is not here."""
    path = folder() / f"{address}.jsonl"
    if not re.fullmatch(r"[0-9a-f]{16}", address) or not path.is_file():
        raise UserError(
            f"The uploaded dataset {address!r} is not on this machine; upload it again."
        )
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def is_here(address: str) -> bool:
    return (
        bool(re.fullmatch(r"[0-9a-f]{16}", address)) and (folder() / f"{address}.jsonl").is_file()
    )
