"""What an actor of a Ray cluster does on its node: train queued runs, or answer questions. Needs torch.

The same code as in the local worker processes (core/runs/worker.py), on the store that all machines reach. A model
that the node lacks is prepared when it is first wanted.
"""

import logging
import os
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import torch

from core.catalog import find_model
from core.config import RunConfig
from core.errors import UserError
from core.memory import memory_mb, release_memory
from core.models.acquire import is_ready, prepare
from core.models.load import LoadedModel
from core.runs.answering import Questions
from core.runs.artifacts import drop_copy
from core.runs.execute import execute
from core.runs.identity import code_digest
from core.runs.inference_session import InferenceSession
from core.runs.liveness import worker_identity
from core.runs.memory_ceiling import Growth, watch_memory
from core.runs.messages import request_from_json
from core.runs.needs import needs_of
from core.runs.pipe import AnswerLine, RequestLine, line_of
from core.runs.store import RunStore
from core.runs.worker import BaseKeeper, exit_failing_own, measured
from core.runs.worker_store import WorkerStore
from core.typed_json import Json, read

log = logging.getLogger(__name__)


def identity() -> str:
    """Of this process in the store. Not looked up by others on its host: the engine knows when it is gone."""
    return f"ray/{worker_identity()}"


def hello() -> dict[str, Any]:
    return {
        "worker": identity(),
        "code": code_digest(),
        "threads": torch.get_num_threads(),
        "ready": asdict(measured()),
    }


class Trainer:
    def __init__(self) -> None:
        self.store = WorkerStore(worker=identity())
        self._keeper, self._growth = BaseKeeper(), Growth()
        watch_memory(lambda said: exit_failing_own(self.store, identity(), said))

    def work(self) -> bool:
        """Carry out queued runs until there is none. Whether another process should take its place, since
        this one holds too much memory."""
        while run := self.store.claim():
            execute(run, self.store, self._load)
            release_memory()
            drop_copy(run.id)  # the storage for all machines has it
            if self._growth.is_too_much(memory_mb()):
                return True
        return False

    def leave(self) -> None:
        """The server closes: say so in the record of a run in progress, and end."""
        exit_failing_own(
            self.store,
            identity(),
            "The app was closed during this run. What it recorded is kept; run it again.",
        )

    def _load(self, config: RunConfig) -> LoadedModel:
        _have_model(config.model)
        return self._keeper(config)


class Answerer:
    """One thread answers; those that ask wait in threads of their own, so that alike questions meet."""

    def __init__(self) -> None:
        self._store = RunStore()
        self._questions = Questions(InferenceSession(self._store), self._said)
        self._inboxes: dict[int, queue.Queue[AnswerLine]] = {}
        watch_memory(self._end)
        threading.Thread(target=self._answer_forever, daemon=True, name="answering").start()

    def answer(self, line: dict[str, Json]) -> Iterator[dict[str, Json]]:
        """Lines as those of core/runs/pipe.py."""
        asked = read(RequestLine, line)
        inbox = self._inboxes[asked.request] = queue.Queue()
        try:
            request = request_from_json({"op": asked.op, "args": asked.args})
            for model in needs_of(request, self._store).models:
                _have_model(model)
            self._questions.put(asked)
            while True:
                said = inbox.get()
                yield line_of(said)
                if said.done:
                    return
        except UserError as error:
            yield line_of(AnswerLine(request=asked.request, error=str(error)))
        finally:
            self._inboxes.pop(asked.request, None)

    def cancel(self, number: int) -> None:
        self._questions.put(RequestLine(cancel=number))

    def _said(self, line: AnswerLine) -> None:
        if inbox := self._inboxes.get(line.request):
            inbox.put(line)

    def _answer_forever(self) -> None:
        growth = Growth()
        while True:
            self._questions.answer_next()
            if self._questions.none_waits:
                release_memory()
                if growth.is_too_much(memory_mb()) and not self._inboxes:
                    os._exit(0)  # another takes its place

    def _end(self, reason: str) -> None:
        """It uses too much memory: who waits is told, and another takes its place."""
        for number in [*self._inboxes]:
            self._said(AnswerLine(request=number, error=reason, done=True))
        time.sleep(1)  # so that Ray sends it
        os._exit(0)


def _have_model(model: str) -> None:
    entry = find_model(model)
    if not is_ready(entry):
        log.info("preparing %s on this node", model)
        prepare(entry, on_progress=lambda progress: log.info("%s", progress))


ROLES = {"train": Trainer, "ask": Answerer}
