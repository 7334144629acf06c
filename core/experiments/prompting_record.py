"""The recorded figures of prompting against tuning, shipped in assets/recorded."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from core.errors import UserError, shortened
from core.experiments.prompting import Row
from core.experiments.record import FOLDER
from core.machine import describe_machine
from core.stamp import Stamp
from core.typed_json import read


@dataclass(frozen=True, kw_only=True)
class RecordedRows:
    task: str
    command: str
    machine: str
    date: str
    """UTC."""
    rows: tuple[Row, ...]
    facts: tuple[dict[str, str], ...]
    """As `core.experiments.measure_all` gives them."""
    stamp: Stamp = field(default_factory=Stamp)
    """Of all measurements together; not known in records from before this was kept."""

    @property
    def where(self) -> str:
        """Sentences for a caption."""
        what = f"{len(self.rows)} measurements on {self.machine}"
        return f"Recorded on {self.date}: {what}. {self.stamp.words}"


def record(
    rows: Sequence[Row],
    facts: Sequence[dict[str, str]],
    *,
    command: str,
    stamps: Sequence[Stamp] = (),
) -> RecordedRows:
    return RecordedRows(
        task=rows[0].task,
        command=command,
        machine=describe_machine(),
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        rows=tuple(rows),
        facts=tuple(facts),
        stamp=Stamp.of_all(stamps),
    )


def save(found: RecordedRows, path: Path) -> None:
    """Write a record as JSON, one row a line; `UserError` when the disk refuses."""
    head = {k: v for k, v in vars(found).items() if k != "rows"} | {"stamp": asdict(found.stamp)}
    lines = ",\n".join(json.dumps(asdict(row), ensure_ascii=False) for row in found.rows)
    text = json.dumps(head, indent=1, ensure_ascii=False)[:-2] + f',\n "rows": [\n{lines}\n]\n}}\n'
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UserError(
            f"{shortened(path)} cannot be written: {error.strerror or error}."
        ) from error


@cache
def recorded(path: Path = FOLDER / "prompting.json") -> RecordedRows | None:
    """The shipped record; None when there is none."""
    if not path.is_file():
        return None
    return read(RecordedRows, json.loads(path.read_text("utf-8")))
