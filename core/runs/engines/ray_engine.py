"""An engine on an existing Ray cluster: `TUNING_FORK_ENGINE=ray`, with `RAY_ADDRESS` as Ray itself reads it.

Each node that has processors gets two actors, as one machine has two workers: one trains queued runs, one answers
questions, each with a warm model. They work on the same store, which must be a database that all nodes
reach, and put weights where all nodes reach them; so this server holds nothing that a restart would lose.

A node that dies takes its actors along. The run that it carried out waits again and starts from the beginning on
another node (core/runs/attempts.py); a question that was not answered at all yet is asked another node.

The nodes need this app's requirements and Ray; the code comes from here with the first actor. Imports no torch.
"""

import atexit
import itertools
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Literal, overload

from core import catalog
from core.config import RunConfig
from core.errors import UserError
from core.models.acquire import is_ready
from core.probes import kept as probes
from core.runs import prompt_evaluation
from core.runs.engines.local import check
from core.runs.engines.preparation import Preparations, end
from core.runs.engines.processes import spawn
from core.runs.engines.ray_cluster import Actor, Cluster
from core.runs.engines.watch import keep_watch
from core.runs.identity import identity_of_answers, remember_machine
from core.runs.messages import AskProbes, M, Probed, Ready, Request, message_from_json
from core.runs.needs import needs_of
from core.runs.pipe import AnswerLine, line_of, request_line
from core.runs.prompt_evaluation import Measured
from core.runs.states import RunStatus
from core.runs.storage import share_dataset
from core.runs.store import Run, RunStore
from core.typed_json import read

log = logging.getLogger(__name__)
WATCH_S = 0.5
MOST_TRIES = 3
"""Nodes that a question is put to, one after another, while each is lost before it says anything."""
PATIENCE_S = 60.0
"""How long a question waits for the first machine to be ready."""
NO_NODE = (
    "No machine of the Ray cluster can answer now; try again in a moment. If that lasts, see "
    "whether the cluster has nodes with processors: ray status"
)
LOST = "The machine that answered was lost. Please ask again."


class RayEngine:
    """Owns the actors of one server on the cluster. Thread-safe; make one per process."""

    def __init__(self, store: RunStore) -> None:
        """Connect to the cluster. `UserError` when Ray is not installed or the cluster cannot be reached."""
        self._cluster = Cluster()
        self.store = store
        self._preparing = Preparations(spawn)
        self.preparations = self._preparing.known
        self._lost: list[str] = []
        """Workers that are gone, whose runs are to start again as soon as the database takes it."""
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._counting = threading.Lock()
        self._closed = threading.Event()
        self._watching = threading.Thread(target=self._watch, daemon=True, name="engine watch")
        self._watching.start()
        atexit.register(self.close)

    # Runs

    def submit(self, config: RunConfig, *, store: RunStore | None = None) -> Run:
        check(config)
        return (store or self.store).submit(config)

    def resume(self, run_id: str, *, store: RunStore | None = None) -> Run:
        whose = store or self.store
        check(whose.get(run_id).config)
        return whose.resume(run_id)

    def cancel(self, run_id: str) -> bool:
        return self.store.request_stop(run_id)

    # Questions

    @overload
    def ask(self, request: Request[M]) -> Iterator[M]: ...
    @overload
    def ask(self, request: Request[M], *, beat: Literal[True]) -> Iterator[M | None]: ...
    def ask(self, request: Request[M], *, beat: bool = False) -> Iterator[M | None]:
        for address in needs_of(request, self.store).datasets:
            share_dataset(address)
        tried: list[Actor] = []
        for _ in range(MOST_TRIES):
            tried.append(self._answerer(request, tried))
            said_any = False
            try:
                for message in self._ask(request, tried[-1]):
                    said_any |= message is not None
                    if message is not None or beat:
                        yield message
                return
            except self._cluster.lost_errors as error:
                log.warning("a question lost its machine: %s", error)
                if said_any:
                    break
        raise UserError(LOST)

    def _ask(self, request: Request[M], actor: Actor) -> Iterator[M | None]:
        """Ray's own errors when the actor is lost."""
        number = next(self._numbers)
        line = line_of(request_line(number, request))
        done = False
        self._count(actor, 1)
        try:
            for said in actor.stream("answer", line):
                if said is None:
                    yield None
                    continue
                message = read(AnswerLine, said)
                done = bool(message.done or message.error)
                if message.error:
                    raise UserError(message.error)
                if message.done:
                    return
                found = message_from_json(
                    request, {"kind": message.kind, "message": message.message}
                )
                self._keep_here(request, found)
                yield found
        finally:
            self._count(actor, -1)
            if not done:
                actor.call("cancel", number)

    def _count(self, actor: Actor, more: int) -> None:
        with self._counting:
            actor.pending += more

    def _keep_here(self, request: Request[Any], found: object) -> None:
        """What the node kept, pages read from this machine."""
        if isinstance(found, Measured):
            prompt_evaluation.keep(found)
        if isinstance(request, AskProbes) and isinstance(found, Probed):
            run = self.store.get(request.run)
            identity = identity_of_answers(run.config.model)
            probes.keep(identity, found.before)
            probes.keep(identity, found.after, run=run.id)

    def _answerer(self, request: Request[Any], tried: Sequence[Actor]) -> Actor:
        """The one with the least to do; of equals the one that had this run before, whose model is warm there.
        None of those that were tried: one that is lost may seem ready for a while."""
        about = str(getattr(request, "run", "")) or str(getattr(request, "model", ""))
        end_s = time.monotonic() + PATIENCE_S
        while not self._closed.is_set():
            ready = [
                actor
                for actor in self._cluster.actors("ask")
                if actor.is_ready and not any(actor is one for one in tried)
            ]
            if ready:
                found = min(ready, key=lambda a: (a.pending, about not in a.warm_for, a.node))
                found.warm_for = {*sorted(found.warm_for)[:50], about}
                return found
            if time.monotonic() > end_s:
                break
            time.sleep(0.1)
        raise UserError(NO_NODE)

    def waiting_questions(self) -> int:
        return sum(actor.pending for actor in self._cluster.actors("ask"))

    # What the cluster is

    def machine(self) -> Ready | None:
        for actor in self._cluster.actors("train") + self._cluster.actors("ask"):
            if actor.hello:
                return read(Ready, actor.hello["ready"])
        return None

    def is_warm(self, role: str) -> bool:
        return any(actor.is_ready for actor in self._cluster.actors(role))

    def trains_elsewhere(self) -> bool:
        return False

    # Models on this machine, whose tokenizer the pages use

    def prepare(self, model: str) -> None:
        self._preparing.start(model)

    def stop_preparing(self, model: str) -> None:
        self._preparing.stop(model)

    def close(self) -> None:
        """End the actors; runs in progress are marked by themselves."""
        if self._closed.is_set():
            return
        self._closed.set()
        atexit.unregister(self.close)
        self._watching.join(timeout=10)
        with self._lock:
            self._cluster.close()
        end(self._preparing.processes())

    # The watch

    def _watch(self) -> None:
        """Keep two actors on each node, have idle ones train what is queued, and have lost runs start again."""
        keep_watch(self._look, every_s=WATCH_S, closed=self._closed)

    def _look(self) -> None:
        with self._lock:
            active = self.store.active()
            is_waiting = any(run.status is RunStatus.QUEUED for run in active)
            if active or is_ready(catalog.MODELS[catalog.DEFAULT_MODEL]):
                self._cluster.cover_nodes()
            gone = [
                actor for actor in self._cluster.look() if actor.role == "train" and actor.hello
            ]
            self._lost += [actor.hello["worker"] for actor in gone]
            while self._lost:
                for run in self.store.start_again(self._lost[0]):
                    log.warning("the run %s lost its machine and is now %s", run.id, run.status)
                self._lost.pop(0)  # once it is recorded
            for actor in self._cluster.actors("train"):
                if is_waiting and actor.is_ready and not actor.is_busy:
                    remember_machine(**self._measured(actor))
                    actor.work()
            self.store.reap(given_up=self._end_hung)

    def _measured(self, actor: Actor) -> dict[str, str]:
        ready = asdict(read(Ready, actor.hello["ready"]))
        return {"device": ready["device"].partition(":")[0], "dtype": ready["dtype"]}

    def _end_hung(self, worker: str) -> None:
        for actor in self._cluster.actors("train"):
            if actor.hello and actor.hello["worker"] == worker:
                actor.kill()
