"""What the first lessons show before anything is run: answers and curves, recorded with the real model.

    python -m core experiment first_screens --record assets/recorded/first_screens.json

Answers and losses do not depend on what else the machine does, so this record may be made on a busy one.
It holds no times: what a step or a check took is left out of its events.
"""

import json
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from core.config import (
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
    default_learning_rate,
)
from core.events import Evaluation, Event, Phase, Sample, Step, Validation, event_from_dict
from core.experiments.collapse import SEQUENCE, STEPS, collapse, in_sequence
from core.experiments.record import FOLDER
from core.machine import describe_machine
from core.paths import save_whole
from core.quiet import Quietness
from core.recorded.files import reading
from core.runs.store import Run, RunStore
from core.stamp import Stamp
from core.typed_json import Json, read, strict_json

NAME = "first_screens"
COMMAND = f"python -m core experiment {NAME} --record assets/recorded/{NAME}.json"
REVIEW = "Is this review positive or negative?\n\nReview: The soup was cold and the waiter laughed at us."
"""The lesson before fine-tuning asks it in three ways."""
ANSWER_TOKENS = 40
"""Of the base model's answers to it."""
KEPT = (Sample, Evaluation, Validation, Phase, Step)
TIMES = ("examples_per_s", "tokens_per_s", "step_s", "elapsed_s")
BULKY = ("classification", "intervals")


def instruction_config() -> RunConfig:
    """The lesson of instruction tuning as it stands when it is opened, watched on `REVIEW`."""
    return RunConfig(
        data=DataConfig(task="sentiment"),
        method=MethodConfig(name="full"),
        optimizer=OptimizerConfig(learning_rate=default_learning_rate("full"), steps=STEPS),
        evaluation=EvaluationConfig(prompts=(REVIEW,)),
    )


def configs() -> dict[str, RunConfig]:
    """The runs of the record, by name."""
    single = collapse()
    return {
        "instruction": instruction_config(),
        "forgetting": single,
        "sequence": in_sequence(single, SEQUENCE),
    }


@dataclass(frozen=True, kw_only=True)
class RecordedEvents:
    """A finished run: its settings, and what it said without times."""

    config: RunConfig
    events: tuple[Event, ...]

    def of_type(self, kind: type[Event], *, task: str | None = None) -> list[Any]:
        """Its events of a kind; of a task where one is named ("" is no task)."""
        found = [e for e in self.events if isinstance(e, kind)]
        return found if task is None else [e for e in found if getattr(e, "task", None) == task]


@dataclass(frozen=True, kw_only=True)
class FirstScreens:
    machine: str
    date: str
    """UTC."""
    stamp: Stamp
    raw: str
    """What the base model goes on with after `REVIEW`, without its chat template."""
    chat: str
    """What it answers with the template."""
    runs: dict[str, RecordedEvents]

    @property
    def where(self) -> str:
        """A sentence for a caption."""
        commit = f", commit {self.stamp.commit}" if self.stamp.commit else ""
        return f"Recorded on {self.date} on {self.machine}, {self.stamp.dtype}{commit}."

    @property
    def command(self) -> str:
        return COMMAND

    @property
    def tuned(self) -> str:
        """What the model of the lesson of instruction tuning answers to `REVIEW` after its last step."""
        return [e.output for e in self.runs["instruction"].of_type(Sample, task="")][-1]


def record(
    runs: dict[str, Run], store: RunStore, *, raw: str, chat: str, dtype: str
) -> FirstScreens:
    """What is kept of finished runs."""
    return FirstScreens(
        machine=describe_machine(),
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        stamp=Stamp.now(dtype=dtype, device="cpu", quiet=Quietness()),
        raw=raw,
        chat=chat,
        runs={
            name: RecordedEvents(
                config=run.config,
                events=tuple(e for e in store.events(run.id) if isinstance(e, KEPT)),
            )
            for name, run in runs.items()
        },
    )


def save(found: FirstScreens, path: Path) -> None:
    """Write a record as JSON, one event a line; `UserError` when the disk refuses."""
    head = {k: v for k, v in vars(found).items() if k not in ("stamp", "runs")}
    head |= {"command": COMMAND, "stamp": asdict(found.stamp), "runs": {}}
    runs = ",\n".join(
        f'  {json.dumps(name)}: {{"config": {json.dumps(run.config.to_dict())}, "events": [\n'
        + ",\n".join(json.dumps(_brief(e), ensure_ascii=False) for e in run.events)
        + "\n ]}"
        for name, run in found.runs.items()
    )
    text = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("{}\n}")
    save_whole(path, f"{text}{{\n{runs}\n }}\n}}\n".encode())


def _brief(event: Event) -> dict[str, Json]:
    """An event without its times and without tables that no first screen shows."""
    found = event.to_dict()
    found |= {name: None for name in TIMES if name in found}
    return strict_json({name: value for name, value in found.items() if name not in BULKY})


@cache
def first_screens(path: Path = FOLDER / f"{NAME}.json") -> FirstScreens | None:
    """The record that comes with the app; None when there is none."""
    if not path.is_file():
        return None
    with reading(path):
        found = json.loads(path.read_text("utf-8"))
        runs = {
            name: RecordedEvents(
                config=RunConfig.from_dict(run["config"]),
                events=tuple(map(event_from_dict, run["events"])),
            )
            for name, run in found["runs"].items()
        }
        return FirstScreens(
            machine=found["machine"],
            date=found["date"],
            stamp=read(Stamp, found["stamp"]),
            raw=found["raw"],
            chat=found["chat"],
            runs=runs,
        )
