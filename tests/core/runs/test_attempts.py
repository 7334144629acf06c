"""A run whose machine was lost starts again, and says so; what the lost attempt recorded stays."""

import pytest

from core.config import RunConfig
from core.events import Notice, Step
from core.runs.attempts import GIVEN_UP, LOST, MOST
from core.runs.event_cache import EventCache
from core.runs.states import RunStatus
from core.runs.store import RunStore, RunSummary
from tests.core.runs.runs_in_states import ME
from tests.events import step

pytestmark = pytest.mark.usefixtures("database")
NODE = "ray/a-node:17:1.00"


@pytest.fixture
def store() -> RunStore:
    return RunStore()


def attempt(store: RunStore, n_steps: int) -> str:
    run = store.claim(worker=NODE)
    assert run is not None
    for number in range(1, n_steps + 1):
        store.append(run.id, step(number))
    return run.id


def test_it_waits_again_and_its_readers_see_the_last_attempt(store: RunStore) -> None:
    store.submit(RunConfig())
    run_id = attempt(store, 3)
    cache = EventCache(store)
    assert len(cache.events(run_id)) == 3
    (again,) = store.start_again(NODE)
    assert (again.id, again.status, again.worker, again.started_at) == (run_id, "queued", "", None)
    assert store.start_again(NODE) == []
    attempt(store, 2)
    notice, *steps = store.events(run_id)
    assert steps == [step(1), step(2)]
    assert notice == Notice(
        step=0, message=f"{LOST} after step 3. It starts again from the beginning."
    )
    assert cache.events(run_id) == EventCache(store).events(run_id) == store.events(run_id)
    assert [m["seq"] for m in store.messages(run_id)] == [1, 2, 3, 4, 5, 6]
    store.finish(run_id, RunSummary(steps=2))
    assert store.start_again(NODE) == []
    assert store.get(run_id).status is RunStatus.FINISHED


def test_before_its_first_step_it_says_so(store: RunStore) -> None:
    store.submit(RunConfig())
    run_id = attempt(store, 0)
    store.start_again(NODE)
    (notice,) = store.events(run_id)
    assert isinstance(notice, Notice)
    assert "before its first step" in notice.message


def test_a_run_that_takes_every_machine_down_is_given_up(store: RunStore) -> None:
    store.submit(RunConfig())
    for _ in range(MOST):
        run_id = attempt(store, 1)
        store.start_again(NODE)
    run = store.get(run_id)
    assert (run.status, run.reason) == (RunStatus.FAILED, GIVEN_UP)
    assert [e for e in store.events(run_id) if isinstance(e, Step)] == [step(1)]
    assert len(store.messages(run_id)) == 2 * MOST - 1


def test_one_that_was_to_stop_is_stopped(store: RunStore) -> None:
    store.submit(RunConfig())
    run_id = attempt(store, 1)
    store.request_stop(run_id)
    (stopped,) = store.start_again(NODE)
    assert stopped.status is RunStatus.STOPPED
    assert "Stopped by the reader" in stopped.reason


def test_runs_of_other_workers_go_on(store: RunStore) -> None:
    run = store.start(RunConfig(), worker=ME)
    assert store.start_again(NODE) == []
    assert store.get(run.id).status is RunStatus.RUNNING
