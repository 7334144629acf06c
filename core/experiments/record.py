"""Recorded experiments, shipped in assets/recorded: what was measured, when, where and how."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import Any

from core.errors import UserError
from core.machine import describe_machine
from core.paths import ASSETS
from core.runs.store import Run, RunStore
from core.stamp import Stamp

FOLDER = ASSETS / "recorded"
KEPT_FIELDS = (
    "type",
    "step",
    "task",
    "n",
    "score",
    "metric",
    "interval",
    "answered_with_sentiment",
)


FIGURES = (
    "steps",
    "elapsed_s",
    "train_s",
    "peak_memory_mb",
    "trainable_params",
    "total_params",
    "artifact_bytes",
)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """Finished runs and how they came about."""

    experiment: str
    command: str
    machine: str
    date: str
    """UTC, of the last run."""
    untouched: tuple[dict[str, Any], ...]
    """Evaluations of the base model on the examples of the last checks."""
    runs: tuple[dict[str, Any], ...]
    """Each {"config", "version", "step_s", "events", …figures of its end (`FIGURES`)}: the median step,
    and of its events the evaluations and what the first step kept in memory; {"stamp"} where it has one."""
    stamp: Stamp = field(default_factory=Stamp)
    """Of all runs together; not known in records from before this was kept."""

    def base_score(self, task: str) -> float | None:
        """The base model's score on a task, 0 to 1; None when it was not measured."""
        return next((e["score"] for e in self.untouched if e["task"] == task), None)

    @property
    def where(self) -> str:
        """Sentences for a caption."""
        return (
            f"Recorded on {self.date}: {len(self.runs)} runs on {self.machine}. {self.stamp.words}"
        )


def record(
    experiment: str,
    runs: Sequence[Run],
    store: RunStore,
    *,
    untouched: Sequence[dict[str, Any]],
    command: str,
    stamps: Sequence[Stamp] = (),
) -> Recorded:
    """What is kept of finished runs, with their stamps in the same order where they have any."""
    ended = max((run.ended_at or 0.0 for run in runs), default=0.0)
    return Recorded(
        experiment=experiment,
        command=command,
        machine=describe_machine(),
        date=time.strftime("%Y-%m-%d", time.gmtime(ended)),
        untouched=tuple(_brief(event) for event in untouched),
        runs=tuple(
            _kept(run, store) | ({"stamp": asdict(stamp)} if stamp else {})
            for run, stamp in zip_longest(runs, stamps)
        ),
        stamp=Stamp.of_all(stamps),
    )


def _kept(run: Run, store: RunStore) -> dict[str, Any]:
    happened = store.events(run.id)
    events = [_brief(e) for e in happened if e["type"] == "evaluation"]
    events += [
        {k: v for k, v in e.items() if k not in ("seq", "at")}
        for e in happened
        if e["type"] == "memory"
    ]
    return {
        "config": run.config_dict,
        "version": run.version,
        **{key: round(run.summary[key], 2) for key in FIGURES if key in run.summary},
        "step_s": round(median(e["step_s"] for e in happened if e["type"] == "step"), 3),
        "events": events,
    }


def _brief(evaluation: dict[str, Any]) -> dict[str, Any]:
    kept = {key: evaluation[key] for key in KEPT_FIELDS}
    return kept | {"interval": list(evaluation["interval"])}


def save(found: Recorded, path: Path) -> None:
    """Write a record as JSON, one run a line; `UserError` when the disk refuses."""
    head = {k: v for k, v in vars(found).items() if k != "runs"} | {"stamp": asdict(found.stamp)}
    lines = ",\n".join(json.dumps(run, ensure_ascii=False) for run in found.runs)
    text = json.dumps(head, indent=1, ensure_ascii=False)[:-2] + f',\n "runs": [\n{lines}\n]\n}}\n'
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error


@cache
def recorded(experiment: str) -> Recorded | None:
    """The shipped record of an experiment; None when there is none."""
    path = FOLDER / f"{experiment}.json"
    if not path.is_file():
        return None
    found = json.loads(path.read_text("utf-8"))
    runs, untouched = tuple(found.pop("runs")), tuple(found.pop("untouched"))
    stamp = Stamp.of(found.pop("stamp", {}))
    return Recorded(**found, untouched=untouched, runs=runs, stamp=stamp)
