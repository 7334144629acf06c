"""A run that is over, of this machine or recorded: what figures, predictions, reports and the judge are taken from.

by_id(run_id, store)        one that somebody names
find(config, store)         one of exactly these settings
"""

from dataclasses import dataclass, field

from core import recorded as shipped
from core.config import RunConfig
from core.errors import UserError
from core.events import Event
from core.recorded import RecordedRun
from core.runs.record import Run, RunSummary
from core.runs.states import RunStatus
from core.runs.store import RunStore


@dataclass(frozen=True, kw_only=True)
class MeasuredRun:
    """What was set and what came."""

    config: RunConfig
    events: tuple[Event, ...]
    summary: RunSummary = field(default_factory=RunSummary)
    run_id: str = ""
    """"" where it is kept under none."""
    is_recorded: bool = False


def by_id(run_id: str, store: RunStore) -> MeasuredRun:
    """A recorded run, or one of this machine.

    Raises `UserError` for a run that is not there, is not finished, or whose settings no longer work.
    """
    try:
        return of_recorded(shipped.find_run(run_id))
    except UserError:
        return of_run(store.get(run_id), store)


def of_run(run: Run, store: RunStore) -> MeasuredRun:
    """One of this machine. Raises `UserError` for one that is not finished."""
    if run.status is not RunStatus.FINISHED:
        raise UserError(f"The run {run.id} is {run.status.value}; a finished one is needed here.")
    events = tuple(store.events(run.id))
    return MeasuredRun(config=run.config, events=events, summary=run.summary, run_id=run.id)


def of_recorded(found: RecordedRun) -> MeasuredRun:
    """One that came with the app. Raises `UserError` where its file is missing or damaged."""
    return MeasuredRun(
        config=found.config,
        events=tuple(found.events()),
        summary=found.summary,
        run_id=found.run_id,
        is_recorded=True,
    )


def find(config: RunConfig, store: RunStore | None = None) -> MeasuredRun | None:
    """A finished run of exactly these settings, of this machine where a store is given, else recorded."""
    if store and (run := store.find_finished(config)):
        return of_run(run, store)
    found = shipped.find(config)
    return of_recorded(found) if found else None
