"""A sweep in the store: what is missing, what waits, what is finished; and adapters side by side."""

from pathlib import Path

import pytest

from core.errors import UserError
from core.experiments.adapters import adapter_config, adapters
from core.experiments.pending import active, missing
from core.experiments.sweep import MISSING, Sweep, state
from core.runs.store import RunStore, RunSummary

SWEEP = Sweep(ranks=(1, 8), rates=(1e-3, 3e-3))


@pytest.fixture
def store(home: Path) -> RunStore:
    return RunStore()


def finish(store: RunStore, config, **scores: float) -> str:
    run = store.start(config, worker="test")
    store.finish(run.id, RunSummary(scores=scores, elapsed_s=9.0))
    return run.id


def test_a_sweep_has_a_run_for_every_cell() -> None:
    found = [(c.method.rank, c.optimizer.learning_rate) for c in SWEEP.configs()]
    assert found == [(1, 1e-3), (1, 3e-3), (8, 1e-3), (8, 3e-3)]
    assert len({c.hash for c in SWEEP.configs()}) == 4


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ranks": ()}, "needs some ranks"),
        ({"rates": (1e-3, 1e-3)}, "only once"),
        ({"ranks": tuple(range(1, 50))}, "at most 40"),
        ({"method": "full"}, "method of a sweep"),
        ({"ranks": (0,)}, "rank"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(settings: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Sweep(**settings)


def test_a_stopped_sweep_goes_on_where_it_was(store: RunStore) -> None:
    first, second, *_ = configs = list(SWEEP.configs())
    done = finish(store, first, sentiment=0.9, names=0.4)
    waiting = store.submit(second)
    cells = state(SWEEP, store)
    assert [cell.status for cell in cells] == ["finished", "queued", MISSING, MISSING]
    assert (cells[0].run_id, cells[0].learned, cells[0].kept) == (done, 0.9, 0.4)
    assert (cells[2].rank, cells[2].rate, cells[2].learned) == (8, 1e-3, None)
    assert missing(configs, store) == configs[2:]
    assert [run.id for run in active(configs, store)] == [waiting.id]
    store.request_stop(waiting.id)
    assert missing(configs, store) == configs[1:]


def test_adapters_are_finished_lora_runs_with_weights(store: RunStore) -> None:
    kept = finish(store, adapter_config("sentiment"), sentiment=0.9)
    folder = store.artifact_dir(kept)
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"x" * 100)
    finish(store, adapter_config("topic"), topic=0.9)  # left nothing on disk
    store.submit(adapter_config("names"))
    (found,) = adapters(store)
    assert (found.run_id, found.task, found.score) == (kept, "sentiment", 0.9)
    assert found.n_bytes == 100
    assert found.title == f"Sentiment · {kept[-6:]}"
