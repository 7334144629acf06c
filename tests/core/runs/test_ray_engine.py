"""The Ray engine on a real cluster of two worker nodes with homes of their own, a PostgreSQL and a shared folder.

Run alone, on a quiet machine: pytest tests/core/runs/test_ray_engine.py -m cluster
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from core.bench.faults import postgresql as installed
from core.config import EvaluationConfig, OptimizerConfig, RunConfig
from core.errors import UserError
from core.events import Finished, Notice, Started, Step
from core.generate.settings import SamplingSettings
from core.paths import cache_dir, data_dir
from core.runs.attempts import LOST
from core.runs.engines.ray_engine import RayEngine
from core.runs.messages import Generate
from core.runs.states import RunStatus
from core.runs.store import RunStore
from tests.core.runs.tiny_runs import configs_of
from tests.patience import wait_for

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.thorough,
    pytest.mark.skipif(
        find_spec("ray") is None, reason="ray is not installed (requirements-cluster.txt)"
    ),
]
N_STEPS = 400
"""Enough to be killed amid."""


@dataclass
class Place:
    """Two nodes, the engine on them, and how one of them is lost."""

    engine: RayEngine
    lose: Callable[[str], None]
    """Take the node away on which an actor with this identity is."""

    @property
    def store(self) -> RunStore:
        return self.engine.store


@contextmanager
def running(folder: Path, patch: pytest.MonkeyPatch, address: str) -> Generator[Place]:
    from ray.cluster_utils import Cluster

    cache = cache_dir().resolve()
    homes = {name: folder / name for name in ("server", "first", "second")}
    for home in homes.values():
        home.mkdir()
        if cache.is_dir():
            (home / "cache").symlink_to(cache)
    patch.setenv("TUNING_FORK_HOME", str(homes["server"]))
    patch.setenv("TUNING_FORK_ARTIFACTS", (folder / "for all").as_uri())
    patch.setenv("DATABASE_URL", address)
    small = {"object_store_memory": 100_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    engine: RayEngine | None = None
    try:
        nodes: dict[str, Any] = {}
        for name in ("first", "second"):
            node = cluster.add_node(
                num_cpus=1, env_vars={"TUNING_FORK_HOME": str(homes[name])}, **small
            )
            nodes[node.node_id] = node
        patch.setenv("RAY_ADDRESS", cluster.address)
        made = engine = RayEngine(RunStore())

        def lose(worker: str) -> None:
            (actor,) = (
                a for a in made._cluster.actors("train") if a.hello and a.hello["worker"] == worker
            )
            cluster.remove_node(nodes[actor.node], allow_graceful=False)

        with made._lock:
            made._cluster.cover_nodes()  # also where the default model is not prepared
        for role in ("train", "ask"):
            wait_for(lambda: sum(a.is_ready for a in made._cluster.actors(role)) == 2)  # noqa: B023
        yield Place(made, lose)
    finally:
        if engine:
            engine.close()
        cluster.shutdown()


@pytest.fixture(scope="module")
def place(postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with pytest.MonkeyPatch.context() as patch:
        installed.empty(postgresql)
        with running(tmp_path_factory.mktemp("ray"), patch, postgresql) as place:
            yield place


@pytest.fixture
def config(place: Place, tiny_folder: Path) -> Callable[..., RunConfig]:
    return configs_of(tiny_folder)


def has_steps(store: RunStore, run_id: str, n: int) -> bool:
    return sum(isinstance(e, Step) for e in store.events(run_id)) >= n


def test_two_nodes_train_two_runs_at_once_and_answer_questions_about_them(
    place: Place, config: Callable[..., RunConfig]
) -> None:
    engine, store = place.engine, place.store
    both = [engine.submit(config(steps=N_STEPS, seed=seed)) for seed in (1, 2)]
    wait_for(lambda: all(has_steps(store, run.id, 1) for run in both))
    assert all(store.get(run.id).status is RunStatus.RUNNING for run in both)
    wait_for(lambda: not store.active())
    ended = [store.get(run.id) for run in both]
    assert [run.status for run in ended] == [RunStatus.FINISHED] * 2, [r.reason for r in ended]
    assert len({run.worker for run in ended}) == 2
    assert engine.is_warm("train")
    machine = engine.machine()
    assert machine is not None
    assert machine.device == "cpu"
    assert all(a.hello["threads"] == 1 for a in engine._cluster.actors("train"))
    for run in ended:
        steps = [e.step for e in store.events(run.id) if isinstance(e, Step)]
        assert steps == list(range(1, N_STEPS + 1))
        settings = SamplingSettings(max_new_tokens=5)
        asked = Generate(model=run.config.model, text="cat", run=run.id, settings=settings)
        answers = list(engine.ask(asked))
        assert [a.token.n_tokens for a in answers] == list(range(1, len(answers) + 1))
        assert not (data_dir() / "runs" / run.id).exists()  # trained and asked on other machines
    assert store.find_finished(ended[0].config) == ended[0]
    with pytest.raises(UserError, match="nosuch"):
        list(engine.ask(replace(asked, run="nosuch")))
    early = engine.ask(replace(asked, settings=SamplingSettings(max_new_tokens=200)))
    next(early)
    early.close()
    assert engine.waiting_questions() == 0
    assert list(engine.ask(asked))


def test_a_run_is_stopped(place: Place, config: Callable[..., RunConfig]) -> None:
    engine, store = place.engine, place.store
    run = engine.submit(config(steps=10_000))
    wait_for(lambda: has_steps(store, run.id, 1))
    engine.cancel(run.id)
    wait_for(lambda: not store.active())
    assert store.get(run.id).status is RunStatus.STOPPED
    assert "Stopped by the reader" in store.get(run.id).reason


def test_a_run_whose_node_is_killed_starts_again_and_finishes_with_every_event(
    place: Place, config: Callable[..., RunConfig]
) -> None:
    engine, store = place.engine, place.store
    n_steps = 4 * N_STEPS
    run = engine.submit(config(steps=n_steps, seed=3))
    wait_for(lambda: has_steps(store, run.id, 20))
    lost = store.get(run.id).worker
    place.lose(lost)
    wait_for(lambda: store.get(run.id).status.is_over)
    ended = store.get(run.id)
    assert ended.status is RunStatus.FINISHED, ended.reason
    assert ended.worker != lost
    notice, *events = store.events(run.id)
    assert isinstance(notice, Notice)
    assert notice.message.startswith(LOST)
    assert [e.step for e in events if isinstance(e, Step)] == list(range(1, n_steps + 1))
    assert sum(isinstance(e, Started) for e in events) == 1
    assert isinstance(events[-1], Finished)
    everything = store.messages(run.id)
    assert [m["seq"] for m in everything] == list(range(1, len(everything) + 1))
    assert sum(m["type"] == "started" for m in everything) == 2
    asked = Generate(model=run.config.model, text="cat", run=run.id)
    assert list(engine.ask(asked))


@pytest.mark.slow
def test_the_real_model_is_tuned_on_a_node_and_asked(place: Place) -> None:
    engine, store = place.engine, place.store
    config = RunConfig(
        optimizer=OptimizerConfig(steps=2, batch_size=4),
        evaluation=EvaluationConfig(every=10_000, samples=0),
    )
    run = engine.submit(config)
    wait_for(lambda: store.get(run.id).status.is_over)
    ended = store.get(run.id)
    assert ended.status is RunStatus.FINISHED, ended.reason
    assert ended.worker.startswith("ray/")
    settings = SamplingSettings(max_new_tokens=5)
    asked = Generate(model=config.model, text="Great film!", run=run.id, settings=settings)
    assert list(engine.ask(asked))
