"""Answers to the battery, kept on disk: of the base model one file for each code, model, device and precision; of
a run one file, which goes with the run.

Greedy answers do not change, so nothing is asked twice. A damaged file counts as none.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from core.answer import Answer
from core.errors import UserError
from core.paths import data_dir, write_whole
from core.probes.battery import battery
from core.typed_json import read


def folder() -> Path:
    return data_dir() / "probes"


def find(identity: str, *, run: str = "") -> list[Answer] | None:
    """The kept answers to `battery().prompts`; None where there are none."""
    try:
        found = read(list[Answer], json.loads(_path(identity, run).read_text("utf-8")))
    except (OSError, ValueError):
        return None
    return found if len(found) == len(battery().prompts) else None


def keep(identity: str, answers: Sequence[Answer], *, run: str = "") -> None:
    """A full disk is no error: the answers can be asked for again."""
    content = json.dumps([{"text": a.text, "was_cut": a.was_cut} for a in answers])
    with suppress(OSError, UserError):
        write_whole(_path(identity, run), content.encode())


def forget(run: str) -> None:
    """Drop what is kept of a run."""
    for file in folder().glob(f"run-{run}-*.json"):
        file.unlink(missing_ok=True)


def _path(identity: str, run: str) -> Path:
    """`identity` as in core/runs/identity.py."""
    name = hashlib.sha256(f"{identity} {battery().digest}".encode()).hexdigest()[:16]
    return folder() / (f"run-{run}-{name}.json" if run else f"base-{name}.json")
