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
import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch

from core import catalog
from core.config import RunConfig
from core.errors import UserError
from core.models import load
from core.models.acquire import is_ready
from core.models.load import LoadedModel
from core.models.probe import probe, resolve_dtype
from core.runs.execute import execute, explain
from core.runs.identity import remember_machine
from core.runs.inference_session import InferenceSession
from core.runs.messages import Ready, Warm, message_to_json, request_from_json
from core.runs.states import IllegalTransition
from core.runs.store import RunStore, worker_identity

log = logging.getLogger(__name__)
IDLE_S = 0.5
"""Pause between two looks at an empty queue, for runs of other servers: our own says when it queues one."""
ALL_CORES = torch.get_num_threads()
say_lock = threading.Lock()


def say(message: dict[str, Any]) -> None:
    with say_lock:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def say_ready() -> None:
    """Tell the server what this machine is, as the probe found it."""
    found = probe()
    remember_machine(device=found.device.partition(":")[0], dtype=found.dtype)
    ready = Ready(device=found.device, dtype=found.dtype, gflops=found.gflops)
    say({"state": "ready", **asdict(ready)})


class BaseKeeper:
    """The base model of the last run, kept for the next."""

    def __init__(self) -> None:
        self.base: LoadedModel | None = None

    def __call__(self, config: RunConfig) -> LoadedModel:
        dtype = resolve_dtype(config.dtype)
        wanted = catalog.find_model(config.model).id
        if self.base is None or (self.base.id, self.base.dtype) != (wanted, dtype):
            self.base = None  # free the old one first
            self.base = load.load(config.model, dtype=dtype)
        return self.base


def train_forever(store: RunStore) -> None:
    keeper, me, is_queued = BaseKeeper(), worker_identity(), threading.Event()
    threading.Thread(target=_heed_parent, args=(store, me, is_queued), daemon=True).start()
    if is_ready(catalog.MODELS[catalog.DEFAULT_MODEL]):
        keeper(RunConfig())
    say_ready()
    while True:
        run = store.claim(worker=me)
        if run is None:
            is_queued.wait(IDLE_S)
            is_queued.clear()
            continue
        say({"state": "busy", "run": run.id})
        execute(run, store, keeper)
        say({"state": "idle"})


def _heed_parent(store: RunStore, me: str, is_queued: threading.Event) -> None:
    """A line on standard input says that a run was queued. When it closes, say so in the record of a run in
    progress, and go."""
    for _ in sys.stdin:
        is_queued.set()
    for run in store.active():
        if run.worker == me:
            with contextlib.suppress(
                IllegalTransition, UserError
            ):  # it may just have ended by itself
                store.fail(
                    run.id,
                    "The app was closed during this run. What it recorded is kept; run it again.",
                )
    os._exit(0)


def answer_forever(store: RunStore) -> None:
    """Requests {"request", "op", "args"} come in, {"request", "kind", "message"} go out, {"request", "done"}
    ends each.

    {"cancel": number} stops a request that is running or waiting. A mistake of the user comes back as
    {"request", "error"}.
    """
    requests: queue.Queue[dict[str, Any]] = queue.Queue()
    cancelled: set[int] = set()

    def listen() -> None:
        for line in sys.stdin:
            message = json.loads(line)
            if "cancel" in message:
                cancelled.add(message["cancel"])
            else:
                requests.put(message)
        os._exit(0)

    session = InferenceSession(store)
    threading.Thread(target=listen, daemon=True).start()
    if is_ready(catalog.MODELS[catalog.DEFAULT_MODEL]):
        list(session.warm(Warm(model=catalog.DEFAULT_MODEL)))
    say_ready()
    while True:
        request = requests.get()
        torch.set_num_threads(_threads_for(request["op"], store))
        _answer(session, request, lambda number=request["request"]: number in cancelled)
        cancelled.discard(request["request"])


def _threads_for(operation: str, store: RunStore) -> int:
    """One thread beside a training run, all cores otherwise.

    Two processes that each fill all cores wait for each other at every product: on two cores an
    answer then came at 0.4 tokens a second, with one thread at 9. Reading the weights is what limits
    an answer, so one thread costs it little (13.5 instead of 14.5 a second on an idle machine).
    """
    return 1 if operation in ("generate", "switch") or store.active() else ALL_CORES


def _answer(
    session: InferenceSession, line: dict[str, Any], is_cancelled: Callable[[], bool]
) -> None:
    number = line["request"]
    try:
        request = request_from_json(line)
        for message in getattr(session, request.operation)(request, is_cancelled):
            if is_cancelled():
                break
            say({"request": number, **message_to_json(message)})
    except UserError as error:
        say({"request": number, "error": str(error)})
    except (MemoryError, RuntimeError) as error:
        log.exception("request failed")
        say({"request": number, "error": explain(error)})
    except Exception as error:
        log.exception("request failed")
        say({"request": number, "error": f"Something we did not foresee: {error}"})
    say({"request": number, "done": True})


def main(role: str) -> None:
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    store = RunStore()
    {"train": train_forever, "ask": answer_forever}[role](store)


if __name__ == "__main__":
    main(sys.argv[1])
