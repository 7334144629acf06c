"""Every run as a row: its settings, what it came to, and where it is. Only indexes are read, no events."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import streamlit as st

from core import catalog
from core.config import METHODS, SETTINGS, method_title
from core.config.specification import MethodSpec
from core.recorded import RecordedRun, collections, files
from core.runs.names import run_name
from core.runs.record import RunSummary
from core.runs.store import Run
from core.typed_json import Json, JsonObject
from pages.shared.engine import store

Value = str | float | None
OWN, RECORDED = "yours", "recorded"
SCORE, CHANGE = "score", "change"
"""Columns of each task: at the end, and since the start."""
MOST_OWN = 2_000
"""Of the reader's own runs, the latest."""
LOW_RANK = ("rank", "alpha", "target_modules", "last_layers", "dropout")
"""Settings of a method that mean something to the LoRA family alone."""
KNOBS = {spec.knob.field for spec in METHODS.values() if spec.knob}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One run."""

    run_id: str
    name: str
    origin: str
    collection: str
    values: Mapping[str, Value]
    """By column; None, or nothing, where a column means nothing to the run."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """Something that a run has, and can be an axis."""

    name: str
    title: str
    is_result: bool = False
    is_number: bool = True
    help: str = ""


PLACES = ("origin", "collection")
RESULTS = {
    "trained": "trained parameters",
    "train_s": "seconds in steps",
    "memory": "peak memory (MB)",
}


def recorded_rows() -> list[Row]:
    """Of all recorded runs, read once until an index is written anew."""
    found = sorted(files.FOLDER.glob(f"*/{files.INDEX}"))
    return _recorded_rows(tuple((str(path), path.stat().st_mtime_ns) for path in found))


@st.cache_resource(show_spinner="Reading the recorded runs…", max_entries=2)
def _recorded_rows(indexes: tuple[tuple[str, int], ...]) -> list[Row]:
    del indexes
    return [_recorded(run) for one in collections() for run in one.runs]


def own_rows() -> list[Row]:
    """Of the reader's finished runs."""
    return [_own(run) for run in store().finished(limit=MOST_OWN)]


def columns(rows: Sequence[Row]) -> dict[str, Column]:
    """What the runs have, by name: settings that differ among them, then results."""
    found: dict[str, Column] = {}
    for name in dict.fromkeys(name for row in rows for name in row.values):
        if (title := title_of(name)) is None:
            continue
        values = {row.values.get(name) for row in rows}
        is_result = name not in SETTINGS and name not in PLACES
        if is_result or len(values) > 1:
            found[name] = Column(
                name=name,
                title=title,
                is_result=is_result,
                is_number=all(isinstance(v, int | float) for v in values - {None}),
                help=SETTINGS[name].help if name in SETTINGS else "",
            )
    return dict(sorted(found.items(), key=lambda one: one[1].is_result))


def title_of(name: str) -> str | None:
    """What people call a column; None for one that is no axis."""
    kind, _, task = name.partition(".")
    if kind == SCORE:
        return catalog.task_title(task)
    if kind == CHANGE:
        return f"{catalog.task_title(task)}, change"
    if name in SETTINGS:
        return setting_title(name)
    return RESULTS.get(name, name if name in PLACES else None)


def having(rows: Iterable[Row], *names: str) -> list[Row]:
    """The runs that have all of these."""
    return [row for row in rows if all(row.values.get(name) is not None for name in names)]


def numbers(rows: Iterable[Row], column: Column) -> list[float]:
    """Of a column of numbers, of the runs that have it."""
    found = (row.values.get(column.name) for row in rows)
    return [value for value in found if isinstance(value, int | float)]


def setting_title(path: str) -> str:
    """What a setting is called; with its part where two have one name."""
    title = SETTINGS[path].name.replace("_", " ")
    names = [setting.name for setting in SETTINGS.values()]
    if path == "method.name":
        return "method"
    return f"{title} ({path.split('.')[0]})" if names.count(SETTINGS[path].name) > 1 else title


def settings_of(config: JsonObject) -> dict[str, Value]:
    """The settings of a stored config by path, lists as text; None where one means nothing to the run."""
    method = METHODS.get(str(_part(config, "method").get("name")))
    cure = _part(config, "cure")
    found: dict[str, Value] = {}
    for path in SETTINGS:
        part, _, name = path.rpartition(".")
        value = (_part(config, part) if part else config).get(name)
        found[path] = _value(value) if _means_something(path, method, cure) else None
    return found


def _part(config: JsonObject, name: str) -> JsonObject:
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def _value(stored: Json) -> Value:
    if isinstance(stored, list):
        return ", ".join(map(str, stored)) or "none"
    return str(stored) if isinstance(stored, dict) else stored


def _means_something(path: str, method: MethodSpec | None, cure: JsonObject) -> bool:
    part, _, name = path.rpartition(".")
    if part == "method" and method:
        if name in LOW_RANK:
            return method.low_rank
        if name == "virtual_tokens":
            return method.adds_tokens
        if name.startswith("prompt_"):
            return method.name == "prompt"
        if name in KNOBS:
            return method.knob is not None and method.knob.field == name
    if path == "cure.strength":
        return cure.get("regularizer", "none") != "none"
    if path == "cure.keep":
        return cure.get("regularizer") in ("ewc", "kl")
    if path == "cure.rehearse_share":
        return bool(cure.get("rehearse"))
    return True


def _recorded(run: RecordedRun) -> Row:
    return _row(run.run_id, run.config_dict, run.summary, RECORDED, run.collection)


def _own(run: Run) -> Row:
    return _row(run.id, run.config_dict, run.summary, OWN, OWN)


def _row(run_id: str, config: JsonObject, summary: RunSummary, origin: str, collection: str) -> Row:
    scores: dict[str, float] = {}
    for task, score in summary.scores.items():
        scores[f"{SCORE}.{task}"] = score
    for task, score in summary.scores.items():
        if task in summary.first_scores:
            scores[f"{CHANGE}.{task}"] = score - summary.first_scores[task]
    memory, found = summary.peak_memory_mb, settings_of(config)
    in_words = {
        "method.name": method_title(str(found["method.name"])),
        "data.task": catalog.task_title(str(found["data.task"])),
    }
    values: dict[str, Value] = {
        "origin": origin,
        "collection": collection,
        **found,
        **in_words,
        **scores,
        "trained": summary.trainable_params or None,
        "train_s": summary.train_s if isfinite(summary.train_s) else None,
        "memory": memory if isfinite(memory) else None,
    }
    return Row(
        run_id=run_id, name=run_name(config), origin=origin, collection=collection, values=values
    )
