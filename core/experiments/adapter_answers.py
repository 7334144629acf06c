"""What the base and its adapters answer to one prompt of each task, recorded with the real model.

    python -m core experiment adapters --record assets/recorded/adapters.json

Answers do not depend on what else the machine does, so this record may be made on a busy one. It holds no times.
"""

import json
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from core.config import RunConfig
from core.data.examples import task_examples
from core.experiments.adapters import ADAPTER_TASKS, adapter_config
from core.experiments.record import FOLDER
from core.machine import describe_machine
from core.paths import save_whole
from core.quiet import Quietness
from core.recorded.files import reading
from core.stamp import Stamp
from core.typed_json import read

NAME = "adapters"
COMMAND = f"python -m core experiment {NAME} --record assets/recorded/{NAME}.json"
BASE = ""
"""Stands for the base model where a task stands for its adapter."""
ANSWER_TOKENS = 40


def sample_prompt(task: str) -> str:
    """A prompt of a task that no adapter was trained on."""
    return task_examples(task, "test")[0].prompt


def configs() -> dict[str, RunConfig]:
    """The adapters of the record, by task."""
    return {task: adapter_config(task) for task in ADAPTER_TASKS}


@dataclass(frozen=True, kw_only=True)
class AdapterAnswers:
    machine: str
    date: str
    """UTC."""
    stamp: Stamp
    configs: dict[str, RunConfig]
    """Of each adapter, by task."""
    answers: dict[str, dict[str, str]]
    """By prompt, then by task (`BASE` for the base model), as they are shown."""

    @property
    def where(self) -> str:
        """A sentence for a caption."""
        return f"recorded on {self.date} on {self.machine}, {self.stamp.dtype}"


def record(answers: dict[str, dict[str, str]], *, dtype: str) -> AdapterAnswers:
    """Answers of adapters that were just trained with `configs`."""
    return AdapterAnswers(
        machine=describe_machine(),
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        stamp=Stamp.now(dtype=dtype, device="cpu", quiet=Quietness()),
        configs=configs(),
        answers=answers,
    )


def save(found: AdapterAnswers, path: Path) -> None:
    """Write a record as JSON; `UserError` when the disk refuses."""
    text = json.dumps({**asdict(found), "command": COMMAND}, indent=1, ensure_ascii=False)
    save_whole(path, f"{text}\n".encode())


@cache
def recorded_answers(path: Path = FOLDER / f"{NAME}.json") -> AdapterAnswers | None:
    """The record that comes with the app; None when there is none."""
    if not path.is_file():
        return None
    with reading(path):
        found = json.loads(path.read_text("utf-8"))
        return AdapterAnswers(
            machine=found["machine"],
            date=found["date"],
            stamp=read(Stamp, found["stamp"]),
            configs={task: RunConfig.from_dict(kept) for task, kept in found["configs"].items()},
            answers=found["answers"],
        )
