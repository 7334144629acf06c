"""Records of benchmarks as files: JSON in which each measurement is a line, read back as what it was."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from core.experiments.record import FOLDER
from core.paths import save_whole
from core.recorded.files import reading
from core.stamp import Stamp
from core.typed_json import read

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Record:
    """How a record came about; what was measured is added to it."""

    command: str
    model: str
    threads: int
    stamp: Stamp = field(default_factory=Stamp)

    @property
    def where(self) -> str:
        """Sentences for a caption."""
        return self.stamp.where(threads=self.threads)


def rows_json(values: Mapping[str, Any], *lists: str) -> str:
    """JSON in which each item of these lists is one line; they stand last."""
    head = {name: value for name, value in values.items() if name not in lists}
    text = json.dumps(head, indent=1, ensure_ascii=False)[:-2]
    for name in lists:
        items: Sequence[object] = values[name]
        lines = ",\n".join(json.dumps(item, ensure_ascii=False) for item in items)
        text += f',\n "{name}": [\n{lines}\n]'
    return text + "\n}\n"


def write(path: Path, text: str) -> None:
    """Whole or not at all; `UserError` when the disk refuses."""
    save_whole(path, text.encode(), parents=True)


def read_record(kind: type[T], name: str) -> T | None:
    """What comes with the app under this name; None when there is nothing. `UserError` where it is damaged."""
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        return None
    with reading(path):
        return read(kind, json.loads(path.read_text("utf-8")))
