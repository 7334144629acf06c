"""What was read of a run is not read again."""

from pathlib import Path

import pytest

from core.config import RunConfig
from core.events import Event
from core.runs import event_cache
from core.runs.event_cache import EventCache
from core.runs.store import RunStore
from tests.events import step as a_step

ME = "here:1:0.0"


@pytest.fixture
def store(home: Path) -> RunStore:
    return RunStore()


def started(store: RunStore, n_events: int) -> str:
    run = store.start(RunConfig(), worker=ME)
    for step in range(1, n_events + 1):
        store.append(run.id, a_step(step))
    return run.id


def test_only_new_events_are_fetched(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = started(store, 3)
    asked: list[int] = []
    real = store.events

    def watched(run_id: str, *, after: int = 0) -> list[Event]:
        asked.append(after)
        return real(run_id, after=after)

    monkeypatch.setattr(store, "events", watched)
    cache = EventCache(store)
    assert cache.events(run_id) == real(run_id)
    store.append(run_id, a_step(4))
    assert cache.events(run_id) == real(run_id)
    assert cache.events(run_id) == real(run_id)
    assert asked == [0, 3, 4]


def test_a_list_given_out_does_not_grow(store: RunStore) -> None:
    run_id, cache = started(store, 1), EventCache(store)
    first = cache.events(run_id)
    store.append(run_id, a_step(2))
    assert len(cache.events(run_id)) == 2
    assert len(first) == 1


def test_memory_is_bounded_and_deleted_runs_are_forgotten(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_cache, "RUNS_KEPT", 2)
    cache, ids = EventCache(store), [started(store, 1) for _ in range(3)]
    for run_id in ids:
        cache.events(run_id)
    assert list(cache._known) == ids[1:]
    cache.forget(ids[2])
    cache.forget(ids[2])
    assert list(cache._known) == ids[1:2]
