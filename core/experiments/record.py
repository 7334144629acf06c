"""Recorded experiments, shipped with the app: what was measured, when, where and how.

An experiment whose runs are all in a collection of recorded runs (core/recorded) is a view of these; else it is
read from a record of its own in assets/recorded.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from itertools import zip_longest
from math import nan
from pathlib import Path
from statistics import median

from core import recorded as shipped
from core.config import RunConfig
from core.events import Evaluation, Event, Memory, Step, VirtualTokens, event_from_dict
from core.experiments import methods, mitigations, mixtures, soft_prompts
from core.machine import describe_machine
from core.paths import ASSETS, save_whole
from core.recorded.files import reading
from core.runs.store import Run, RunStore, RunSummary
from core.stamp import Stamp
from core.typed_json import Json, read

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
    "right_form",
    "label_accuracy",
)


SEEDS = (0, 1, 2)
VIEWS: dict[str, tuple[str, Callable[[], Iterable[RunConfig]]]] = {
    "cures": ("mitigations", lambda: mitigations.recorded_configs((), SEEDS)),
    "methods": ("methods", lambda: methods.recorded_configs((), SEEDS)),
    "mixtures": ("mixtures", lambda: mixtures.recorded_configs(SEEDS)),
    "soft_prompts": ("soft_prompts", lambda: soft_prompts.token_configs(SEEDS)),
}
"""Of each experiment its collection and which of its runs."""
FIGURES = (  # of a `RunSummary`
    "steps",
    "elapsed_s",
    "train_s",
    "peak_memory_mb",
    "trainable_params",
    "total_params",
    "artifact_bytes",
)


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """A finished run as far as it is kept."""

    config: RunConfig
    version: str
    summary: RunSummary
    step_s: float
    """The median step; NaN in records of before it was kept."""
    events: tuple[Event, ...]
    """The evaluations, by their main scores, what the first step kept in memory, and of a soft prompt the last
    look at its virtual tokens."""
    stamp: Stamp | None = None

    def to_dict(self) -> dict[str, Json]:
        events: list[Json] = [
            _brief(e) if isinstance(e, Evaluation) else e.to_dict() for e in self.events
        ]
        return {
            "config": self.config.to_dict(),
            "version": self.version,
            **{name: round(getattr(self.summary, name), 2) for name in FIGURES},
            "step_s": self.step_s,
            "events": events,
            **({"stamp": asdict(self.stamp)} if self.stamp else {}),
        }

    @classmethod
    def of(cls, found: Json) -> "RecordedRun":
        """`ValueError` or `UserError` where it is not what `to_dict` wrote."""
        line = read(_Line, found)
        return cls(
            config=RunConfig.from_dict(line.config),
            version=line.version,
            summary=read(RunSummary, found),
            step_s=line.step_s,
            events=tuple(map(event_from_dict, line.events)),
            stamp=line.stamp,
        )

    @classmethod
    def kept(
        cls,
        *,
        config: RunConfig,
        version: str,
        summary: RunSummary,
        happened: Sequence[Event],
        stamp: Stamp | None,
    ) -> "RecordedRun":
        """Of a run, and of all that it said."""
        evaluations = [e for e in happened if isinstance(e, Evaluation)]
        memory = [e for e in happened if isinstance(e, Memory)]
        tokens = [e for e in happened if isinstance(e, VirtualTokens)][-1:]
        return cls(
            config=config,
            version=version,
            summary=summary,
            step_s=round(median(e.step_s for e in happened if isinstance(e, Step)), 3),
            events=(*evaluations, *memory, *tokens),
            stamp=stamp,
        )


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A run in the file of a record, besides the fields of its `RunSummary`."""

    config: dict[str, Json]
    version: str
    events: list[dict[str, Json]]
    step_s: float = nan
    stamp: Stamp | None = None


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """Finished runs and how they came about."""

    experiment: str
    command: str
    machine: str
    date: str
    """UTC, of the last run."""
    base: tuple[Evaluation, ...]
    """Evaluations of the base model on the examples of the last checks."""
    runs: tuple[RecordedRun, ...]
    stamp: Stamp = field(default_factory=Stamp)
    """Of all runs together; not known in records from before this was kept."""

    def base_score(self, task: str) -> float | None:
        """The base model's score on a task, 0 to 1; None when it was not measured."""
        return next((e.score for e in self.base if e.task == task), None)

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
    base: Sequence[Evaluation],
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
        base=tuple(base),
        runs=tuple(
            RecordedRun.kept(
                config=run.config,
                version=run.version,
                summary=run.summary,
                happened=store.events(run.id),
                stamp=stamp,
            )
            for run, stamp in zip_longest(runs, stamps)
        ),
        stamp=Stamp.of_all(stamps),
    )


def _brief(evaluation: Evaluation) -> dict[str, Json]:
    found = evaluation.to_dict()
    return {name: found[name] for name in KEPT_FIELDS}


def save(found: Recorded, path: Path) -> None:
    """Write a record as JSON, one run a line; `UserError` when the disk refuses."""
    base = [_brief(event) for event in found.base]
    head = {k: v for k, v in vars(found).items() if k != "runs"}
    head |= {"base": base, "stamp": asdict(found.stamp)}
    lines = ",\n".join(json.dumps(run.to_dict(), ensure_ascii=False) for run in found.runs)
    text = json.dumps(head, indent=1, ensure_ascii=False)[:-2] + f',\n "runs": [\n{lines}\n]\n}}\n'
    save_whole(path, text.encode())


@cache
def recorded(experiment: str) -> Recorded | None:
    """The shipped record of an experiment; None when there is none."""
    return _view(experiment) or _own_record(experiment)


def _view(experiment: str) -> Recorded | None:
    """Of a collection of recorded runs; None unless it holds every run of the experiment."""
    if experiment not in VIEWS:
        return None
    name, configs = VIEWS[experiment]
    by_hash = shipped.collection(name).by_hash
    found = [by_hash.get(config.hash) for config in configs()]
    if not found or None in found:
        return None
    runs: list[RecordedRun] = []
    base: dict[str, Evaluation] = {}
    for run in filter(None, found):
        kept = RecordedRun.kept(
            config=run.config,
            version=run.identity,
            summary=run.summary,
            happened=run.events(Evaluation, Memory, VirtualTokens, Step),
            stamp=run.stamp,
        )
        runs.append(kept)
        for event in kept.events:
            if isinstance(event, Evaluation) and event.step == 0:
                base.setdefault(event.task, event)
    stamp = Stamp.of_all([run.stamp for run in runs if run.stamp])
    return Recorded(
        experiment=experiment,
        command=f"python -m core record --only {name}",
        machine=stamp.machine,
        date=stamp.at[:10],
        base=tuple(base.values()),
        runs=tuple(runs),
        stamp=stamp,
    )


def _own_record(experiment: str) -> Recorded | None:
    path = FOLDER / f"{experiment}.json"
    if not path.is_file():
        return None
    with reading(path):
        found = json.loads(path.read_text("utf-8"))
        runs = tuple(map(RecordedRun.of, found.pop("runs")))
        older = found.pop("untouched", ())  # as older records call it
        base = tuple(read(Evaluation, event) for event in found.pop("base", older))
        stamp = read(Stamp, found.pop("stamp", {}))
        return Recorded(**found, base=base, runs=runs, stamp=stamp)
