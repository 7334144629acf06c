"""Events that the database could not take, in a file for each run beside the store, so that they outlive the worker.

A line holds an event with its number in the run and the worker that says it.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from core.config.run import RUN_ID
from core.paths import data_dir
from core.typed_json import Json, read


@dataclass(frozen=True, kw_only=True)
class Unrecorded:
    run: str
    worker: str
    number: int
    """Its seq in the run; 0 where the database was away before that was known."""
    at: float
    """When it happened, in seconds since 1970."""
    message: dict[str, Json]


def keep(event: Unrecorded) -> None:
    """A disk that refuses it is no error: the worker has it in memory, too."""
    with suppress(OSError):
        _folder().mkdir(parents=True, exist_ok=True)
        with (_folder() / f"{event.run}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(event)) + "\n")


def left_behind() -> dict[str, Sequence[Unrecorded]]:
    """What is kept of each run, in order. A last line that was cut counts as none."""
    found: dict[str, Sequence[Unrecorded]] = {}
    for file in sorted(_folder().glob("*.jsonl")):
        if not RUN_ID.fullmatch(file.stem):
            continue
        lines: list[Unrecorded] = []
        with suppress(OSError, ValueError):
            for line in file.read_text("utf-8").splitlines():
                lines.append(read(Unrecorded, json.loads(line)))
        found[file.stem] = [one for one in lines if one.number]
    return {run: kept for run, kept in found.items() if kept}


def forget(run_id: str) -> None:
    """They are recorded, or their run is gone."""
    with suppress(OSError):
        (_folder() / f"{run_id}.jsonl").unlink()


def _folder() -> Path:
    return data_dir() / "unrecorded"
