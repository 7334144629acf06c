"""What a worker records while its database comes and goes, and when its run became another's."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection

from core.bench.faults import postgresql as installed
from core.config import DataConfig, EvaluationConfig, OptimizerConfig, RunConfig
from core.data import uploads
from core.events import Event, Finished, Step
from core.models.load import LoadedModel
from core.paths import data_dir
from core.runs.execute import execute
from core.runs.schema import Database, LostConnectionError
from core.runs.states import IllegalTransition, RunStatus
from core.runs.store import RunStore, RunSummary
from core.runs.worker_store import WorkerStore
from tests.core.runs.processes import spawn
from tests.core.runs.runs_in_states import ME
from tests.events import step

on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def store(database: str) -> WorkerStore:
    return WorkerStore(worker=ME)


def claimed(store: WorkerStore, **settings: Any) -> str:
    store.submit(RunConfig(**settings))
    run = store.claim()
    assert run is not None
    assert run.worker == ME
    return run.id


@contextmanager
def committed_and_lost(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """The connection goes just after each commit, so that nobody knows of it."""
    real = Database.transaction

    @contextmanager
    def lost(self: Database, *, alone: bool = False) -> Generator[Connection]:
        with real(self, alone=alone) as connection:
            yield connection
        raise LostConnectionError("The connection was lost.")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "transaction", lost)
        yield


def test_it_records_as_any_store_does(store: WorkerStore) -> None:
    run_id = claimed(store)
    assert [store.append(run_id, step(n)) for n in (1, 2)] == [1, 2]
    assert store.heartbeat(run_id)
    store.finish(run_id, RunSummary(steps=2))
    assert RunStore().events(run_id) == [step(1), step(2)]
    assert RunStore().get(run_id).status is RunStatus.FINISHED
    assert not store.heartbeat(run_id)


@pytest.mark.thorough
def test_an_event_whose_commit_was_not_confirmed_is_there_once(
    store: WorkerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = claimed(store)
    store.append(run_id, step(1))
    with committed_and_lost(monkeypatch):
        store.append(run_id, step(2))
    store.append(run_id, step(3))
    store._away_until = 0
    store.append(run_id, step(4))
    assert RunStore().events(run_id) == [step(n) for n in (1, 2, 3, 4)]


def test_a_run_that_was_given_to_another_worker_takes_nothing_more_from_the_first(
    store: WorkerStore,
) -> None:
    run_id = claimed(store)
    store.append(run_id, step(1))
    store.start_again(ME)
    other = WorkerStore(worker="ray/elsewhere:1:1.00")
    again = other.claim()
    assert again is not None
    assert again.id == run_id
    other.append(run_id, step(1))
    with pytest.raises(IllegalTransition):
        store.append(run_id, step(2))
    with pytest.raises(IllegalTransition):
        store.finish(run_id, RunSummary())
    assert not store.heartbeat(run_id)
    other.append(run_id, step(2))
    other.finish(run_id, RunSummary(steps=2))
    assert [e.step for e in store.events(run_id) if isinstance(e, Step)] == [1, 2]


# A server that goes and comes back


@pytest.mark.thorough
@on_postgresql
def test_events_and_the_end_are_recorded_when_the_database_is_back(
    store: WorkerStore, postgresql: str
) -> None:
    run_id = claimed(store)
    store.append(run_id, step(1))
    with installed.away(postgresql):
        store.append(run_id, step(2))
        assert not store.stop_requested(run_id)
        store.append(run_id, step(3))
        store.finish(run_id, RunSummary(steps=3))
        with pytest.raises(LostConnectionError, match="cannot be reached"):
            store.claim()
    assert store.claim() is None
    found = RunStore()
    assert found.events(run_id) == [step(1), step(2), step(3)]
    assert (found.get(run_id).status, found.get(run_id).summary.steps) == ("finished", 3)
    assert list((data_dir() / "unrecorded").iterdir()) == []


@pytest.mark.thorough
@on_postgresql
def test_events_of_a_worker_that_dies_while_the_database_is_away_are_recorded_by_the_next(
    store: WorkerStore, postgresql: str
) -> None:
    run_id = store.submit(RunConfig()).id
    worker = spawn(
        "from core.runs.worker_store import WorkerStore\n"
        "store = WorkerStore(worker=worker_identity())\n"
        "run = store.claim()\n"
        "store.append(run.id, step(1))\n"
        "print('away', flush=True)\n"
        "sys.stdin.readline()\n"
        "store.append(run.id, step(2))\n"
        "store.append(run.id, step(3))\n"
        "print('kept', flush=True)\n"
        "time.sleep(600)\n"
    )
    assert worker.stdout is not None
    assert worker.stdin is not None
    assert worker.stdout.readline() == "away\n"
    with installed.away(postgresql):
        worker.stdin.write("go on\n")
        worker.stdin.flush()
        assert worker.stdout.readline() == "kept\n"
        worker.kill()
        worker.communicate()
    assert WorkerStore(worker=ME).events(run_id) == [step(1), step(2), step(3)]
    assert RunStore().get(run_id).status is RunStatus.FAILED


@pytest.mark.thorough
@on_postgresql
def test_a_real_run_goes_on_without_its_database(
    store: WorkerStore, postgresql: str, tiny: LoadedModel
) -> None:
    dataset = uploads.keep([{"prompt": f"cat {i}", "completion": "dog"} for i in range(20)])
    store.submit(
        RunConfig(
            data=DataConfig(task="custom", dataset=dataset),
            optimizer=OptimizerConfig(steps=8, batch_size=2),
            evaluation=EvaluationConfig(every=4, samples=0),
        )
    )
    run = store.claim()
    assert run is not None
    actions: dict[int, Callable[[], None]] = {
        3: lambda: installed.stop(installed.folder_of(postgresql)),
        6: lambda: installed.start(installed.folder_of(postgresql)),
    }

    def come_and_go(event: Event) -> None:
        if isinstance(event, Step) and event.step in actions:
            actions.pop(event.step)()

    execute(run, store, lambda _: tiny, on_event=come_and_go)
    store.claim()  # as the worker does next
    found = RunStore()
    assert found.get(run.id).status is RunStatus.FINISHED
    happened = found.events(run.id)
    assert [e.step for e in happened if isinstance(e, Step)] == list(range(1, 9))
    assert isinstance(happened[-1], Finished)
