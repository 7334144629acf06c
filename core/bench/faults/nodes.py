"""A node of a Ray cluster killed at a random moment of a run: the run starts again elsewhere, and nothing is missing.

The cluster is the campaign's own, on this machine: a head that computes nothing, two nodes with homes of their own, a
PostgreSQL and a folder that all reach. A node that was killed is replaced before the next try. Takes the packages of
requirements-cluster.txt.
"""

import importlib.util
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from core.bench.faults import postgresql
from core.bench.faults.kills import is_over, judge, moment, not_prepared, own_place, wait
from core.bench.faults.tries import LOST, NOT_TRIED, TRACEBACK, Try
from core.errors import UserError
from core.events import Step
from core.paths import cache_dir
from core.runs.engines.ray_engine import RayEngine
from core.runs.states import RunStatus
from core.runs.store import RunStore

KIND = "nodes"
SMALL: dict[str, Any] = {"object_store_memory": 100_000_000, "include_dashboard": False}
N_NODES = 2


def is_possible() -> bool:
    """Whether Ray is installed."""
    return importlib.util.find_spec("ray") is not None


@contextmanager
def trying(place: Path) -> Generator[Callable[[int, Random], Try]]:
    """Tries that say so where no PostgreSQL is installed."""
    if not postgresql.find("initdb"):
        what = "No PostgreSQL is installed"
        yield lambda number, random: Try(kind=KIND, number=number, what=what, outcome=NOT_TRIED)
        return
    shared = (place / "shared").resolve().as_uri()
    with (
        postgresql.server() as address,
        own_place(place, DATABASE_URL=address, TUNING_FORK_ARTIFACTS=shared),
    ):
        cluster = import_module("ray.cluster_utils").Cluster(
            initialize_head=True, head_node_args={"num_cpus": 0, **SMALL}
        )
        try:
            with own_place(
                place,
                DATABASE_URL=address,
                TUNING_FORK_ARTIFACTS=shared,
                RAY_ADDRESS=cluster.address,
            ):
                nodes = _Nodes(cluster, place)
                nodes.fill()
                engine = RayEngine(RunStore())
                try:
                    yield lambda number, random: _kill(number, random, engine, nodes)
                finally:
                    engine.close()
        finally:
            cluster.shutdown()


class _Nodes:
    """The nodes that compute, by Ray's ids."""

    def __init__(self, cluster: Any, place: Path) -> None:
        self._cluster, self._place, self._made = cluster, place, 0
        self._nodes: dict[str, Any] = {}

    def fill(self) -> None:
        """Add as many as are missing, each with a home of its own."""
        while len(self._nodes) < N_NODES:
            self._made += 1
            home = self._place / f"node {self._made}"
            home.mkdir(parents=True, exist_ok=True)
            if not (home / "cache").exists():
                (home / "cache").symlink_to(cache_dir().resolve())
            variables = {"TUNING_FORK_HOME": str(home)}
            node = self._cluster.add_node(num_cpus=1, env_vars=variables, **SMALL)
            self._nodes[node.node_id] = node

    def kill(self, node: str) -> None:
        """As by a power cut."""
        self._cluster.remove_node(self._nodes.pop(node), allow_graceful=False)


def _kill(number: int, random: Random, engine: RayEngine, nodes: _Nodes) -> Try:
    if lacking := not_prepared(KIND, number):
        return lacking
    nodes.fill()
    config, n_events, wait_s = moment(number, random)
    store = engine.store
    run = engine.submit(config)
    wait(lambda: len(store.messages(run.id)) >= n_events or is_over(store, run))
    time.sleep(wait_s)
    told = store.messages(run.id)
    what = f"node, killed after {n_events} events and {wait_s:.2f} s"
    try:
        nodes.kill(_node_of(engine, store.get(run.id).worker))
    except UserError as error:  # the run was over already
        return Try(kind=KIND, number=number, what=what, outcome=NOT_TRIED, said=str(error))
    if not wait(lambda: is_over(store, run)):
        return Try(
            kind=KIND, number=number, what=what, outcome=TRACEBACK, said="the run never ended"
        )
    found = judge(KIND, number, what, run.id, told, [])
    if store.get(run.id).status is RunStatus.FINISHED:
        steps = [event.step for event in store.events(run.id) if isinstance(event, Step)]
        if steps != list(range(1, config.optimizer.steps + 1)):
            return replace(found, outcome=LOST, said=f"the steps on record: {steps}")
    return found


def _node_of(engine: RayEngine, worker: str) -> str:
    """Where the actor is that carries a run out."""
    actors = engine._cluster.actors("train")  # pyright: ignore[reportPrivateUsage]
    for actor in actors:
        if actor.hello and actor.hello["worker"] == worker:
            return actor.node
    raise UserError("No node carries the run out any more.")
