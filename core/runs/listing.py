"""Runs as a list to look through: found by words, kind and tags, in a chosen order, and as rows to take home."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import inf, isfinite
from typing import Any

from core.runs.marks import Mark
from core.runs.names import flat, method_name, run_name, tasks_name
from core.runs.record import Run
from core.typed_json import strict_json

Marked = Mapping[str, Mark]
"""What is written on runs, by their ids."""


def title_of(run: Run, marks: Marked) -> str:
    """The name that somebody gave a run, else the one that its settings make."""
    return marks.get(run.id, Mark()).name or run_name(run.config_dict)


FEWEST_SCORED = 8
"""A score of fewer test examples, as the rate finder's runs have it, says nothing."""


def is_scored(run: Run) -> bool:
    """Whether its main score is of enough examples to be shown and to be sorted by."""
    return not 0 < run.unchecked_config.evaluation.final_examples < FEWEST_SCORED


def gain(run: Run) -> float:
    """How much the main score rose; -inf where it was not measured."""
    if not is_scored(run):
        return -inf
    task = run.unchecked_config.data.task
    first, last = run.summary.first_scores.get(task), run.summary.scores.get(task)
    return -inf if first is None or last is None else last - first


def score(run: Run) -> float:
    """The main score at the end; -inf where it was not measured."""
    if not is_scored(run):
        return -inf
    return run.summary.scores.get(run.unchecked_config.data.task, -inf)


def seconds(run: Run) -> float:
    """From its start to its end; inf while it is under way."""
    is_known = run.started_at is not None and run.ended_at is not None
    return (run.ended_at or 0.0) - (run.started_at or 0.0) if is_known else inf


ORDERS: dict[str, Callable[[Run], float]] = {
    "newest first": lambda run: -run.created_at,
    "oldest first": lambda run: run.created_at,
    "best score first": lambda run: -score(run),
    "largest gain first": lambda run: -gain(run),
    "shortest first": seconds,
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which runs to show; what is empty leaves none out."""

    words: str = ""
    """Each of them stands in a run's name, settings' name, tags, note or id."""
    tasks: Collection[str] = ()
    methods: Collection[str] = ()
    states: Collection[str] = ()
    tags: Collection[str] = ()
    """All of them are on the run."""
    order: str = field(default="newest first")

    def of(self, runs: Sequence[Run], marks: Marked) -> list[Run]:
        """The runs wanted, in the order wanted; equal ones stay as they were."""
        found = [run for run in runs if self._fits(run, marks.get(run.id, Mark()))]
        return sorted(found, key=ORDERS.get(self.order, ORDERS["newest first"]))

    def _fits(self, run: Run, mark: Mark) -> bool:
        told = " ".join((mark.name, run_name(run.config_dict), *mark.tags, mark.note, run.id))
        has_words = all(word in told.casefold() for word in self.words.casefold().split())
        return (
            has_words
            and (not self.tasks or tasks_name(run.config_dict) in self.tasks)
            and (not self.methods or method_of(run) in self.methods)
            and (not self.states or str(run.status) in self.states)
            and {*self.tags} <= {*mark.tags}
        )


def method_of(run: Run) -> str:
    return method_name(run.unchecked_config.method.name)


def differing(runs: Sequence[Run]) -> dict[str, list[str]]:
    """The settings in which runs differ, each with its value in every run; "" where a run has none."""
    every = [flat(run.config_dict) for run in runs]
    names = dict.fromkeys(name for settings in every for name in settings)
    return {
        name: values
        for name in names
        if len(set(values := [settings.get(name, "") for settings in every])) > 1
    }


def rows(runs: Sequence[Run], marks: Marked) -> list[dict[str, Any]]:
    """A row for each run with the same columns: what is written on it, scores, and every setting."""
    tasks = dict.fromkeys(task for run in runs for task in run.summary.scores)
    settings = dict.fromkeys(name for run in runs for name in flat(run.config_dict))
    found: list[dict[str, Any]] = []
    for run in runs:
        mark, told = marks.get(run.id, Mark()), flat(run.config_dict)
        row: dict[str, Any] = {
            "id": run.id,
            "name": title_of(run, marks),
            "tags": ", ".join(mark.tags),
            "note": mark.note,
            "status": str(run.status),
            "seconds": seconds(run) if isfinite(seconds(run)) else "",
        }
        for task in tasks:
            row[f"{task} before"] = run.summary.first_scores.get(task, "")
            row[f"{task} after"] = run.summary.scores.get(task, "")
        found.append(row | {name: told.get(name, "") for name in settings})
    return found


def as_json(runs: Sequence[Run], marks: Marked) -> list[dict[str, Any]]:
    """The runs as they are stored, with what is written on them."""
    return [
        {
            "run_id": run.id,
            **asdict(marks.get(run.id, Mark())),
            "status": str(run.status),
            "reason": run.reason,
            "created_at": run.created_at,
            "config_hash": run.config_hash,
            "config": run.config_dict,
            "summary": strict_json(run.summary_dict),
        }
        for run in runs
    ]
