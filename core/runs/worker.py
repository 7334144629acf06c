"""A worker process: keeps the base model warm and does one kind of work.

    python -m core.runs.worker train     takes queued runs from the store, one after another
    python -m core.runs.worker ask       answers requests on standard input, line by line, as JSON

It talks on standard output in JSON lines and logs on standard error. It ends when its standard input
closes, that is, when the server that started it goes: no process is left behind.
"""

import contextlib
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict

from filelock import FileLock, Timeout

from core import catalog
from core.config import RunConfig
from core.errors import UserError
from core.machine import give_way
from core.memory import memory_mb, release_memory
from core.models import load
from core.models.acquire import is_ready
from core.models.load import LoadedModel
from core.models.probe import probe, resolve_dtype
from core.paths import data_dir
from core.runs.answering import Questions
from core.runs.backoff import Backoff
from core.runs.execute import execute
from core.runs.identity import remember_machine
from core.runs.inference_session import InferenceSession
from core.runs.liveness import beating
from core.runs.memory_ceiling import Growth, watch_memory
from core.runs.messages import ELSEWHERE, LEAVING, Ready, Warm
from core.runs.pipe import AnswerLine, RequestLine, line_of
from core.runs.states import IllegalTransition
from core.runs.storage import fetch_dataset
from core.runs.store import RunStore, worker_identity
from core.runs.worker_store import WorkerStore
from core.typed_json import Json, read

log = logging.getLogger(__name__)
IDLE_S = 0.5
"""Pause between two looks at an empty queue, for runs of other servers: our own says when it queues one."""
say_lock = threading.Lock()


def say(message: Mapping[str, Json]) -> None:
    with say_lock:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def answer(line: AnswerLine) -> None:
    say(line_of(line))


def measured() -> Ready:
    """What this machine is, as the probe found it."""
    found = probe()
    remember_machine(device=found.device.partition(":")[0], dtype=found.dtype)
    return Ready(device=found.device, dtype=found.dtype, gflops=found.gflops)


def say_ready() -> None:
    """Tell the server."""
    say({"state": "ready", **asdict(measured())})


def say_alive() -> bool:
    """Tell the server; true, so that it goes on (`beating`)."""
    say({"alive": True})
    return True


class BaseKeeper:
    """The base model of the last run, kept for the next."""

    def __init__(self) -> None:
        self.base: LoadedModel | None = None

    def __call__(self, config: RunConfig) -> LoadedModel:
        """The base of a run, whose upload is then here, too."""
        fetch_dataset(config.data.dataset)
        dtype = resolve_dtype(config.dtype)
        wanted = catalog.find_model(config.model).id
        if self.base is None or (self.base.id, self.base.dtype) != (wanted, dtype):
            self.base = None  # free the old one first
            self.base = load.load(config.model, dtype=dtype)
        return self.base


def train_forever(store: RunStore) -> None:
    keeper, me, growth = BaseKeeper(), worker_identity(), Growth()
    give_way()
    is_queued = threading.Event()
    threading.Thread(target=_heed_parent, args=(store, me, is_queued), daemon=True).start()
    watch_memory(lambda said: exit_failing_own(store, me, said))
    lease = FileLock(data_dir() / "training.lock")  # of two servers on one home, one trains
    try:
        lease.acquire(timeout=0)
    except Timeout:
        say({"state": ELSEWHERE})
        lease.acquire(poll_interval=0.5)
        say({"state": "loading"})
    if is_ready(catalog.MODELS[catalog.DEFAULT_MODEL]):
        keeper(RunConfig())
    say_ready()
    trouble = Backoff(first_s=IDLE_S, most_s=10)
    while True:
        try:
            run = store.claim(worker=me)
        except UserError as error:  # such as a full disk
            log.warning("no run can be taken: %s", error)
            time.sleep(trouble.failed())
            continue
        trouble.worked()
        if run is None:
            is_queued.wait(IDLE_S)
            is_queued.clear()
            continue
        say({"state": "busy", "run": run.id})
        execute(run, store, keeper)
        say({"state": "idle"})
        _exit_when_grown(growth)


def _heed_parent(store: RunStore, me: str, is_queued: threading.Event) -> None:
    """A line on standard input says that a run was queued. When it closes, say so in the record of a run in
    progress, and go."""
    for _ in sys.stdin:
        is_queued.set()
    exit_failing_own(
        store, me, "The app was closed during this run. What it recorded is kept; run it again."
    )


def exit_failing_own(store: RunStore, me: str, reason: str) -> None:
    log.warning("training worker ends: %s", reason)
    try:
        for run in store.active():
            if run.worker == me:
                with contextlib.suppress(IllegalTransition):  # it may just have ended by itself
                    store.fail(run.id, reason)
    finally:
        os._exit(0)


def _exit_when_grown(growth: Growth) -> None:
    """Between two pieces of work: the server starts a new worker for one that holds too much."""
    release_memory()
    used = memory_mb()
    if growth.is_too_much(used):
        log.warning(
            "worker starts anew: it holds %.0f MB between two pieces of work, and held %.0f before",
            used,
            growth.least_mb,
        )
        say({"state": LEAVING})  # a question that is on its way is put to the new one
        os._exit(0)


def answer_forever(store: RunStore) -> None:
    """A `RequestLine` comes in for each request, `AnswerLine`s go out, the last of them `done`.

    One with `cancel` stops a request that is running or waiting. A mistake of the user comes back as `error`.
    """
    session, growth = InferenceSession(store), Growth()
    questions = Questions(session, answer)

    def listen() -> None:
        for line in sys.stdin:
            questions.put(read(RequestLine, json.loads(line)))
        os._exit(0)

    def exit_over_ceiling(reason: str) -> None:
        log.warning("answering worker ends: %s", reason)
        for number in questions.under_way:
            answer(AnswerLine(request=number, error=reason))
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    watch_memory(exit_over_ceiling)
    if is_ready(catalog.MODELS[catalog.DEFAULT_MODEL]):
        list(session.warm(Warm(model=catalog.DEFAULT_MODEL)))
    say_ready()
    while True:
        questions.answer_next()
        if questions.none_waits:
            _exit_when_grown(growth)


def main(role: str) -> None:
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    with beating(say_alive):
        if role == "train":
            train_forever(WorkerStore(worker=worker_identity()))
        else:
            answer_forever(RunStore())


if __name__ == "__main__":
    main(sys.argv[1])
