"""A Ray cluster and our actors on it: the one place that speaks with Ray. Imports neither Ray nor torch before it must.

cluster = Cluster()               # connected
cluster.cover_nodes()             # two actors on each node that has processors
for lost in cluster.look(): …     # actors that are gone since the last look
"""

import logging
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from core.errors import UserError, quote
from core.openmp import with_brief_spin
from core.paths import ROOT
from core.runs.backoff import Backoff
from core.runs.identity import LOADED
from core.runs.storage import VARIABLE as ARTIFACTS
from core.runs.storage import storage

log = logging.getLogger(__name__)
ADDRESS = "RAY_ADDRESS"
SHIPPED = ("core", "assets")
"""What of this folder the nodes get."""
NOT_PASSED = ("TUNING_FORK_HOME", "TUNING_FORK_ENGINE")
"""A node has a home of its own."""
PASSED = ("TUNING_FORK_", "DATABASE_URL", "AWS_", "FSSPEC_", "OMP_", "GOMP_", "KMP_", "MKL_")
AT_ONCE = 64
"""Questions that may wait at one actor, which sees them all: so alike ones are answered together."""
ENDS_S = 5.0


class Hosted:
    """An actor. What it does needs torch, which is loaded on the node alone."""

    def __init__(self, role: str, settings: dict[str, str]) -> None:
        os.environ.update(settings)  # before torch is loaded
        self._module = import_module("core.runs.engines.on_node")
        self._work = self._module.ROLES[role]()

    def hello(self) -> dict[str, Any]:
        return self._module.hello()

    def work(self) -> bool:
        return self._work.work()

    def answer(self, line: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield from self._work.answer(line)

    def control(self, what: str, *arguments: Any) -> None:
        getattr(self._work, what)(*arguments)

    def stay(self) -> None:
        """Ends with the actor: so who waits for it knows when that is gone."""
        while True:
            time.sleep(3600)


@dataclass
class Actor:
    """One of our actors, as this server knows it."""

    role: str
    node: str
    _ray: Any
    handle: Any
    life: Any
    greeting: Any
    hello: dict[str, Any] = field(default_factory=dict[str, Any])
    """What it is, once it is there: worker, code, threads, ready."""
    pending: int = 0
    """Questions that it has not answered."""
    warm_for: set[str] = field(default_factory=set[str])
    """Runs and models that it was asked about."""
    working: Any = None
    rest_until: float = 0.0
    pause: Backoff = field(default_factory=lambda: Backoff(first_s=1, most_s=30))

    @property
    def is_ready(self) -> bool:
        return bool(self.hello) and time.monotonic() >= self.rest_until

    @property
    def is_busy(self) -> bool:
        return self.working is not None

    def work(self) -> None:
        self.working = self.handle.work.remote()

    def call(self, what: str, *arguments: Any) -> Any:
        """Beside what it is at."""
        return self.handle.control.options(concurrency_group="control").remote(what, *arguments)

    def stream(self, method: str, line: dict[str, Any]) -> Iterator[dict[str, Any] | None]:
        """What it yields; None for every second of silence. Ray's error when it is lost."""
        answers = getattr(self.handle, method).options(num_returns="streaming").remote(line)
        while True:
            there, _ = self._ray.wait([answers], timeout=1.0)
            if not there:
                yield None
                continue
            try:
                one = next(answers)
            except StopIteration:
                return
            yield self._ray.get(one)

    def kill(self) -> None:
        self._ray.kill(self.handle, no_restart=True)


class Cluster:
    """Not thread-safe."""

    def __init__(self) -> None:
        """Connect. `UserError` where a setting is missing, Ray is not installed or the cluster does not answer."""
        address = _checked_settings()
        self._ray = _installed()
        _reach(address)
        try:
            self._ray.init(
                address=address,
                namespace="tuning-fork",
                runtime_env={"working_dir": str(ROOT), "excludes": _left_out()},
                log_to_driver=False,
                logging_level=logging.WARNING,
            )
        except Exception as error:  # Ray raises RuntimeError, ConnectionError, ValueError
            raise UserError(_unreachable(address, error)) from error
        errors = self._ray.exceptions
        self.lost_errors: tuple[type[Exception], ...] = (
            errors.RayActorError,
            errors.ObjectLostError,
            errors.WorkerCrashedError,
            errors.NodeDiedError,
        )
        self._actors: dict[tuple[str, str], Actor] = {}
        self._pauses: dict[tuple[str, str], Backoff] = {}
        self._not_before: dict[tuple[str, str], float] = {}

    def actors(self, role: str) -> list[Actor]:
        return [actor for actor in list(self._actors.values()) if actor.role == role]

    def cover_nodes(self) -> None:
        """Start the actors that nodes with processors lack."""
        for node in self._ray.nodes():
            resources = node["Resources"]
            if not node["Alive"] or not resources.get("CPU"):
                continue
            for role in ("train", "ask"):
                key = (node["NodeID"], role)
                if key not in self._actors and time.monotonic() >= self._not_before.get(key, 0):
                    self._actors[key] = self._start(*key, resources)

    def _start(self, node: str, role: str, resources: dict[str, float]) -> Actor:
        """One that trains takes all processors of its node, as at home; one that answers computes by turns with it."""
        strategies = import_module("ray.util.scheduling_strategies")
        n_cpus = int(resources["CPU"])
        kind = self._ray.remote(
            num_cpus=n_cpus if role == "train" else 0,
            num_gpus=0.5 if resources.get("GPU") else 0,
            max_concurrency=1 if role == "train" else AT_ONCE,
            max_restarts=0,
            max_task_retries=0,
            concurrency_groups={"control": 1, "life": 1},
            scheduling_strategy=strategies.NodeAffinitySchedulingStrategy(node, soft=False),
        )(Hosted)
        handle = kind.remote(role, _settings(n_cpus))
        return Actor(
            role=role,
            node=node,
            _ray=self._ray,
            handle=handle,
            life=handle.stay.options(concurrency_group="life").remote(),
            greeting=handle.hello.remote(),
        )

    def look(self) -> list[Actor]:
        """Take in what the actors say. Returns those that are gone, which others replace."""
        for actor in list(self._actors.values()):
            if not actor.hello and self._is_done(actor.greeting):
                self._take_greeting(actor)
            if actor.working is not None and self._is_done(actor.working):
                self._take_result(actor)
        gone = [actor for actor in self._actors.values() if self._is_done(actor.life)]
        for actor in gone:
            self._forget(actor)
        return gone

    def _is_done(self, reference: Any) -> bool:
        return bool(self._ray.wait([reference], timeout=0, fetch_local=False)[0])

    def _take_greeting(self, actor: Actor) -> None:
        try:
            hello = self._ray.get(actor.greeting)
        except self._ray.exceptions.RayError as error:
            log.warning("an actor that should %s did not start: %s", actor.role, error)
            return  # its end is noticed
        if hello["code"] != LOADED:
            log.error(
                "the node %s has another version of this app, or of torch or its other libraries; its actor ends",
                actor.node,
            )
            actor.kill()
            return
        actor.hello = hello
        self._pause_of(actor).worked()

    def _take_result(self, actor: Actor) -> None:
        working, actor.working = actor.working, None
        try:
            if self._ray.get(working):
                actor.kill()  # it holds too much memory
            actor.pause.worked()
        except self.lost_errors:
            actor.kill()  # whether it is gone or only unreachable
        except self._ray.exceptions.RayError as error:  # such as a database that is away
            log.warning("no run can be taken: %s", error)
            actor.rest_until = time.monotonic() + actor.pause.failed()

    def _forget(self, actor: Actor) -> None:
        key = (actor.node, actor.role)
        self._actors.pop(key, None)
        pause_s = 0.0 if actor.hello else self._pause_of(actor).failed()
        self._not_before[key] = time.monotonic() + pause_s

    def _pause_of(self, actor: Actor) -> Backoff:
        return self._pauses.setdefault((actor.node, actor.role), Backoff(first_s=1, most_s=60))

    def close(self) -> None:
        """End all actors; one that trains says so in its run's record first."""
        leaving = [actor.call("leave") for actor in self.actors("train") if actor.is_busy]
        if leaving:
            self._ray.wait(leaving, num_returns=len(leaving), timeout=ENDS_S, fetch_local=False)
        for actor in self._actors.values():
            actor.kill()
        self._actors.clear()
        self._ray.shutdown()


def _checked_settings() -> str:
    """The cluster's address; `UserError` where a setting that the nodes need is missing."""
    address = os.environ.get(ADDRESS, "")
    if not address:
        raise UserError(
            f"TUNING_FORK_ENGINE=ray needs the address of a Ray cluster; set {ADDRESS}, such as 10.0.0.1:6379."
        )
    if "://" in address:
        raise UserError(
            f"{ADDRESS} must look like 10.0.0.1:6379; got {quote(address)}. Start the app on a machine of the "
            "cluster; one that should not compute joins with: ray start --num-cpus=0 --address=…"
        )
    database = os.environ.get("DATABASE_URL", "")
    if not database or database.startswith("sqlite"):
        raise UserError(
            "TUNING_FORK_ENGINE=ray needs a run database that all machines of the cluster reach; set "
            "DATABASE_URL to one of PostgreSQL, such as postgresql://user:password@host/name."
        )
    if storage() is None:
        raise UserError(
            "TUNING_FORK_ENGINE=ray needs a place for weights and uploads that all machines of the cluster "
            f"reach; set {ARTIFACTS}, such as s3://bucket/folder or file:///shared/folder."
        )
    return address


def _installed() -> Any:
    try:
        return import_module("ray")
    except ModuleNotFoundError as error:
        raise UserError(
            "TUNING_FORK_ENGINE=ray needs the Python package ray; install it with: "
            "pip install -r requirements-cluster.txt"
        ) from error


def _reach(address: str) -> None:
    """Ray itself tries for minutes, and may end the process."""
    host, _, port = address.rpartition(":")
    if address == "auto":
        return
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=5):
            pass
    except (OSError, ValueError, OverflowError) as error:
        raise UserError(_unreachable(address, error)) from error


def _unreachable(address: str, error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return (
        f"The Ray cluster at {address} cannot be reached: {reason}. Start it, set {ADDRESS} to its address, "
        "or unset TUNING_FORK_ENGINE to compute on this machine."
    )


def _left_out() -> list[str]:
    others = [f"/{place.name}" for place in ROOT.iterdir() if place.name not in SHIPPED]
    return [*sorted(others), "/assets/recorded", "__pycache__"]


def _settings(n_cpus: int) -> dict[str, str]:
    """The environment of an actor: what this server was told, and threads as local workers have them."""
    passed = {
        name: value
        for name, value in with_brief_spin(os.environ).items()
        if name.startswith(PASSED) and name not in NOT_PASSED
    }
    return {"OMP_NUM_THREADS": str(n_cpus)} | passed
