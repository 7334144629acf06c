"""Runs whose tuned weights another run can begin with: of the same model, tuned by the same method in the same way.

Imports no torch: pages offer them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.config import METHODS, RunConfig
from core.errors import UserError
from core.runs.states import RunStatus
from core.typed_json import Json

if TYPE_CHECKING:
    from core.runs.store import Run, RunStore


def beginnings(config: RunConfig, store: RunStore) -> list[Run]:
    """Those that a run of `config` could begin with, newest first."""
    if METHODS[config.method.name].plans_one_run:
        return []
    wanted = _kind(config.to_dict())
    alike = [run for run in store.runs() if _kind(run.config_dict) == wanted]
    return [run for run in alike if not _why_not(config, run, store)]


def beginning_of(config: RunConfig, store: RunStore) -> Run | None:
    """The run that `config` begins with; None for the base model. `UserError` where it cannot begin with that one."""
    if not config.start_from:
        return None
    run = store.get(config.start_from)
    if why_not := _why_not(config, run, store):
        raise UserError(f"A run cannot begin with the weights of run {run.id}: {why_not}.")
    return run


def _why_not(config: RunConfig, run: Run, store: RunStore) -> str:
    other = run.valid_config
    if other is None:
        return "its settings no longer work"
    if run.status not in (RunStatus.FINISHED, RunStatus.STOPPED):
        return f"it is {run.status}"
    if other.model != config.model:
        return f"it tuned the model {other.model}"
    if other.method != config.method:
        return "its method, or a setting of that, is another one"
    return "" if store.size_bytes(run.id) else "it kept no weights"


def _kind(config: Mapping[str, Json]) -> tuple[Json, Json]:
    """Model and method as they are stored: quick to see, before a config is read whole."""
    method = config.get("method")
    return config.get("model"), method.get("name") if isinstance(method, dict) else None
