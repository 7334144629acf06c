"""Runs that are brought into a state."""

from core.config import RunConfig
from core.runs.states import RunStatus
from core.runs.store import Run, RunStore, RunSummary, worker_identity

ME = worker_identity()


def run_in(store: RunStore, status: RunStatus) -> Run:
    if status is RunStatus.QUEUED:
        return store.submit(RunConfig())
    run = store.start(RunConfig(), worker=ME)
    move(store, run.id, status)
    return store.get(run.id)


def move(store: RunStore, run_id: str, status: RunStatus) -> None:
    match status:
        case RunStatus.FINISHED:
            store.finish(run_id, RunSummary())
        case RunStatus.STOPPED:
            store.stop(run_id, "enough")
        case RunStatus.FAILED:
            store.fail(run_id, "no luck")
        case _:
            pass
