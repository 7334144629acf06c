"""The queue: in the order of submission, each run once, whoever claims and submits at the same time."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.config import RunConfig
from core.errors import UserError
from core.runs import identity
from core.runs.store import RunStore
from tests.core.runs.processes import output_of, spawn
from tests.core.runs.runs_in_states import ME

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def store() -> RunStore:
    return RunStore()


def test_the_queue_is_first_in_first_out(store: RunStore) -> None:
    ids = [store.submit(RunConfig(seed=n)).id for n in range(3)]
    assert [store.queue_position(i) for i in ids] == [1, 2, 3]
    claimed = store.claim(worker=ME)
    assert claimed is not None
    assert claimed.id == ids[0]
    assert [store.queue_position(i) for i in ids] == [0, 1, 2]
    assert [r.id for r in store.active()] == ids
    assert [r.id for r in store.runs()] == ids[::-1]
    assert [r.id for r in store.runs(limit=1)] == ids[2:]
    assert store.queue_position("unknown") == 0


def test_the_order_survives_a_clock_that_goes_back(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store.submit(RunConfig())
    with monkeypatch.context() as patch:
        patch.setattr("core.runs.store.time.time", lambda: 1000.0)
        second = store.submit(RunConfig(seed=1))
    assert second.created_at < first.created_at
    assert [r.id for r in store.runs()] == [second.id, first.id]
    assert store.queue_position(first.id) == 1


def test_an_empty_queue_gives_nothing(store: RunStore) -> None:
    store.start(RunConfig(), worker=ME)
    assert store.claim(worker=ME) is None


@pytest.mark.thorough
def test_processes_that_claim_at_once_get_each_run_once(store: RunStore) -> None:
    ids = [store.submit(RunConfig(seed=n)).id for n in range(40)]
    claim_all = (
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "while (run := store.claim(worker=worker_identity())): print(run.id)\n"
    )
    processes = [spawn(claim_all) for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    claimed = [run_id for process in processes for run_id in output_of(process)]
    assert Counter(claimed) == Counter(ids)


@pytest.mark.thorough
def test_threads_that_claim_at_once_get_each_run_once(store: RunStore) -> None:
    ids = [store.submit(RunConfig(seed=n)).id for n in range(24)]
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda n: store.claim(worker=f"w{n}"), range(30)))
    assert Counter(run.id for run in claimed if run) == Counter(ids)


def test_an_equal_run_that_waits_or_trains_is_joined(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = RunConfig(seed=1)
    first = store.submit(config)
    assert store.find_active(config) == first
    assert store.submit(config) == first
    assert store.submit(RunConfig(seed=2)).id != first.id
    claimed = store.claim(worker=ME)
    assert store.submit(config) == claimed
    with monkeypatch.context() as patch:  # what trains is of older code
        patch.setattr(identity, "_libraries", lambda: "torch 9.9")
        assert store.find_active(config) is None
    store.request_stop(first.id)
    assert store.submit(config).id != first.id
    assert len(store.active()) == 3


def test_an_equal_run_that_is_over_is_run_again(store: RunStore) -> None:
    first = store.submit(RunConfig())
    store.stop(first.id)
    assert store.find_active(RunConfig()) is None
    assert store.submit(RunConfig()).id != first.id


@pytest.mark.thorough
def test_threads_that_submit_the_same_at_once_get_one_run(store: RunStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda n: RunStore().submit(RunConfig(seed=n % 2)).id, range(16)))
    assert len(set(ids)) == len(store.active()) == 2


def test_the_queue_takes_so_many_runs_and_no_more(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNING_FORK_QUEUE", "3")
    store.start(RunConfig(), worker=ME)  # it does not wait
    waiting = [store.submit(RunConfig(seed=n)) for n in (1, 2, 3)]
    with pytest.raises(UserError, match=r"The queue is full \(3 waiting\)"):
        store.submit(RunConfig(seed=4))
    assert store.submit(RunConfig(seed=3)) == waiting[-1]
    store.request_stop(waiting[0].id)
    store.submit(RunConfig(seed=4))
    with pytest.raises(UserError, match="The queue is full"):
        store.submit(RunConfig(seed=5))


@pytest.mark.parametrize("wanted", ["none", "0", "-1", "3.5", "9" * 5_000, "²"])
def test_a_limit_that_is_no_number_is_said(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setenv("TUNING_FORK_QUEUE", wanted)
    with pytest.raises(UserError, match="TUNING_FORK_QUEUE must be a whole number from 1"):
        store.submit(RunConfig())
