"""The events of a run: all kept, in order, readable while others write."""

import json
import math
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import StatementError

from core.config import RunConfig
from core.events import Unknown
from core.runs.store import RunStore
from tests.core.runs.processes import output_of, spawn
from tests.core.runs.runs_in_states import ME
from tests.events import sample, step

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def store() -> RunStore:
    return RunStore()


def test_events_are_counted_from_one_and_read_from_anywhere(store: RunStore) -> None:
    run, other = store.submit(RunConfig()), store.submit(RunConfig(seed=1))
    assert [store.append(run.id, step(n)) for n in range(3)] == [1, 2, 3]
    assert store.append(other.id, sample(0, "qa", "yes")) == 1
    assert store.events(run.id, after=1) == [step(1), step(2)]
    assert store.events(run.id, after=3) == store.messages(run.id, after=3) == []
    read = store.messages(run.id, after=1)
    assert [(e["seq"], e["type"], e["step"]) for e in read] == [(2, "step", 1), (3, "step", 2)]
    assert all(run.created_at <= e["at"] <= time.time() for e in read)


def test_events_of_many_threads_are_all_kept_in_order(store: RunStore) -> None:
    run = store.start(RunConfig(), worker=ME)

    def write(thread: int) -> list[int]:
        return [store.append(run.id, step(n, loss=thread)) for n in range(10)]

    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(write, range(8)))
    read = store.messages(run.id)
    assert [e["seq"] for e in read] == list(range(1, 81))
    for thread, seqs in enumerate(given):
        assert [e["seq"] for e in read if e["loss"] == thread] == seqs
        assert [e["step"] for e in read if e["loss"] == thread] == list(range(10))


def test_events_are_strict_json(store: RunStore) -> None:
    run = store.submit(RunConfig())
    odd = {"a": math.nan, "b": [math.inf, 1.5], "c": {"d": (-math.inf, 2)}, "e": "caf\udce9 \0 é"}
    store.append(run.id, Unknown(message={"type": "odd", **odd}))
    read = store.messages(run.id)[0]
    assert (read["a"], read["b"], read["c"]) == (None, [None, 1.5], {"d": [None, 2]})
    assert read["e"] == "caf? \0 é"  # no page and no file can hold half a character
    json.dumps(read, allow_nan=False)


def test_a_payload_that_is_no_json_keeps_its_traceback(store: RunStore) -> None:
    run = store.submit(RunConfig())
    with pytest.raises((StatementError, TypeError), match="not JSON serializable"):
        store.append(run.id, Unknown(message={"type": "odd", "loss": object()}))
    assert store.append(run.id, step(1)) == 1


@pytest.mark.thorough
def test_pages_keep_reading_while_a_writer_writes(store: RunStore) -> None:
    writer = spawn(
        "run = store.start(RunConfig(), worker=worker_identity())\n"
        "print(run.id, flush=True)\n"
        "for n in range(1, 301): store.append(run.id, step(n))\n"
        "store.finish(run.id, RunSummary())\n"
    )
    assert writer.stdout is not None
    run_id = writer.stdout.readline().strip()
    seen: list[int] = []
    while not store.get(run_id).status.is_over:
        seen += [e["step"] for e in store.messages(run_id, after=len(seen))]
        assert seen == list(range(1, len(seen) + 1))
    output_of(writer)
    seen += [e["step"] for e in store.messages(run_id, after=len(seen))]
    assert seen == list(range(1, 301))
