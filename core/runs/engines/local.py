"""The default engine: worker processes on this machine, watched over by the web server.

One worker trains, one answers; so a question never waits behind a training run. The queue and all
results live in the store, so the engine holds nothing that a restart would lose.
"""

import atexit
import contextlib
import itertools
import json
import logging
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal, overload

from core import catalog
from core.config import RunConfig
from core.data.run_data import load_run_data
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError
from core.models.acquire import is_ready, model_dir
from core.runs.backoff import Backoff
from core.runs.engines.preparation import Preparations, end
from core.runs.engines.processes import spawn
from core.runs.engines.watch import keep_watch
from core.runs.engines.worker_process import NOT_BEGUN, Worker
from core.runs.liveness import STALE_S, Silences
from core.runs.messages import ELSEWHERE, LEAVING, M, Ready, Request, message_from_json
from core.runs.pipe import AnswerLine, QueuedLine, RequestLine, line_of, request_line
from core.runs.storage import fetch_dataset, share_dataset, storage
from core.runs.store import Run, RunStore
from core.typed_json import read

log = logging.getLogger(__name__)
WATCH_S = 0.3


class LocalEngine:
    """Owns the worker processes of one server. Thread-safe; make one per process."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.workers: dict[str, Worker] = {}
        self._preparing = Preparations(lambda command: self._spawn(command))
        self.preparations = self._preparing.known
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._restarts = {role: Backoff(first_s=1, most_s=60) for role in ("train", "ask")}
        self._silences = Silences()
        self._closed = threading.Event()
        threading.Thread(target=self._watch, daemon=True, name="engine watch").start()
        atexit.register(self.close)

    # Runs

    def submit(self, config: RunConfig, *, store: RunStore | None = None) -> Run:
        """Put a run in the queue. `UserError` when the model is not prepared, or the data do not fit.

        `store` is the one that a visitor has (core/runs/rights.py); without one the run is the owner's.
        """
        check(config)
        return self._queued((store or self.store).submit(config))

    def resume(self, run_id: str, *, store: RunStore | None = None) -> Run:
        """Queue a run that goes on from where this one was stopped; `UserError` as `submit` raises it."""
        whose = store or self.store
        check(whose.get(run_id).config)
        return self._queued(whose.resume(run_id))

    def _queued(self, run: Run) -> Run:
        if worker := self.workers.get("train"):  # else the one that starts looks for itself
            self._send(worker, QueuedLine(queued=run.id))
        return run

    def cancel(self, run_id: str) -> bool:
        """Whether the run ends; see `RunStore.request_stop`."""
        return self.store.request_stop(run_id)

    # Questions

    @overload
    def ask(self, request: Request[M]) -> Iterator[M]: ...
    @overload
    def ask(self, request: Request[M], *, beat: Literal[True]) -> Iterator[M | None]: ...
    def ask(self, request: Request[M], *, beat: bool = False) -> Iterator[M | None]:
        """Send a request to the answering worker and yield its messages as they come.

        With `beat`, None comes for every second of silence, so that who waits can stop.
        Closing the iterator early cancels the request. Raises `UserError` with the worker's sentence.
        """
        number = next(self._numbers)
        inbox: queue.Queue[AnswerLine] = queue.Queue()
        line = request_line(number, request)
        worker = self._put(line, inbox)
        done = False
        try:
            while True:
                try:
                    message = inbox.get(timeout=1.0)
                except queue.Empty:
                    if not worker.is_over:
                        if beat:
                            yield None
                        continue
                    message = worker.last_word(number)
                if message is NOT_BEGUN:
                    worker.pending.pop(number, None)
                    worker = self._put(line, inbox)
                    continue
                if message.error:
                    done = True
                    raise UserError(message.error)
                if message.done:
                    done = True
                    return
                yield message_from_json(request, {"kind": message.kind, "message": message.message})
        finally:
            worker.pending.pop(number, None)
            if not done:
                self._send(worker, RequestLine(cancel=number))

    def _put(self, line: RequestLine, inbox: "queue.Queue[AnswerLine]") -> Worker:
        """Have a request answered by the worker that is there."""
        worker = self._worker("ask")
        worker.pending[line.request] = inbox
        self._send(worker, line)
        return worker

    def waiting_questions(self) -> int:
        """Requests that the answering worker has not finished."""
        worker = self.workers.get("ask")
        return len(worker.pending) if worker else 0

    def machine(self) -> Ready | None:
        """What a warm worker measured of this machine; None until one is warm."""
        for worker in list(self.workers.values()):
            if worker.ready and worker.alive:
                return worker.ready
        return None

    def is_warm(self, role: str) -> bool:
        worker = self.workers.get(role)
        return bool(worker and worker.alive and worker.ready)

    def trains_elsewhere(self) -> bool:
        """Whether another server with this data folder has its worker train the runs of both."""
        worker = self.workers.get("train")
        return bool(worker and worker.alive and worker.trains_elsewhere)

    # Preparing a model

    def prepare(self, model: str) -> None:
        """Start `python -m core prepare` unless it is running already."""
        self._preparing.start(model)

    def stop_preparing(self, model: str) -> None:
        self._preparing.stop(model)

    # Processes

    def close(self) -> None:
        """End all workers; runs in progress are marked by the workers themselves."""
        self._closed.set()
        with self._lock:
            workers = [worker.process for worker in self.workers.values()]
        end(workers + self._preparing.processes())

    def _watch(self) -> None:
        """Keep both workers alive while a model is prepared, and mark runs whose worker died."""
        with contextlib.suppress(Exception):  # submitting will say it
            _tokenizer(catalog.MODELS[catalog.DEFAULT_MODEL])
        keep_watch(self._look, every_s=WATCH_S, closed=self._closed)

    def _look(self) -> None:
        self._end_silent()  # before anything is recorded: one that hangs may hold the database
        self.store.reap(given_up=self._end_hung)
        if is_ready(catalog.MODELS[catalog.DEFAULT_MODEL]) or self.store.active():
            for role in ("train", "ask"):
                self._worker(role)

    def _end_silent(self) -> None:
        """A worker that says nothing any more hangs, or was suspended: another takes its place."""
        workers = list(self.workers.values())
        watched = {str(w.process.pid): w for w in workers if w.alive and w.heard_at}
        silent = self._silences.of({pid: worker.heard_at for pid, worker in watched.items()})
        for pid, worker in watched.items():
            if silent[pid]["watched_s"] > STALE_S:
                log.warning("the worker %s (%s) hangs: it is ended", pid, worker.role)
                worker.process.kill()

    def _end_hung(self, identity: str) -> None:
        """A worker of this server that was given up may be there and do nothing: the next takes its place."""
        worker = self.workers.get("train")
        if worker and identity.startswith(f"{socket.gethostname()}:{worker.process.pid}:"):
            worker.process.kill()

    def _worker(self, role: str) -> Worker:
        with self._lock:
            worker = self.workers.get(role)
            if worker is None or (not worker.alive and time.monotonic() >= worker.restart_at):
                worker = self._start(role)
                self.workers[role] = worker
            return worker

    def _start(self, role: str) -> Worker:
        worker = Worker(role, self._spawn([sys.executable, "-m", "core.runs.worker", role]))
        threading.Thread(target=self._listen, args=(worker,), daemon=True).start()
        return worker

    def _spawn(self, command: list[str]) -> subprocess.Popen[str]:
        return spawn(command)

    def _listen(self, worker: Worker) -> None:
        """Hand each message of a worker to whoever asked; at its end tell all who wait."""
        assert worker.process.stdout is not None
        for line in worker.process.stdout:
            try:
                message = json.loads(line)
            except json.JSONDecodeError:
                continue  # a library printed something
            if not isinstance(message, dict):
                continue
            worker.heard_at = time.time()
            if "state" in message:
                worker.trains_elsewhere = message["state"] == ELSEWHERE
                worker.leaves = message["state"] == LEAVING
            if message.get("state") == "ready":
                worker.ready = read(Ready, message)
            if inbox := worker.pending.get(message.get("request", 0)):
                inbox.put(read(AnswerLine, message))
        worker.process.wait()
        restarts = self._restarts[worker.role]
        if worker.ready:
            restarts.worked()
        # One that never came to be ready will hardly fare better at once.
        worker.restart_at = time.monotonic() + (0 if worker.ready else restarts.failed())
        with worker.sending, contextlib.suppress(OSError):
            worker.process.stdout.close()
            if worker.process.stdin:
                worker.process.stdin.close()
        worker.is_over = True  # who comes later does not wait for it
        for number, inbox in list(worker.pending.items()):
            inbox.put(worker.last_word(number))

    def _send(self, worker: Worker, message: QueuedLine | RequestLine) -> None:
        assert worker.process.stdin is not None
        # A dead worker (a closed pipe) is noticed by its listener, which tells all who wait.
        with worker.sending, contextlib.suppress(OSError, ValueError):
            worker.process.stdin.write(json.dumps(line_of(message)) + "\n")
            worker.process.stdin.flush()


def check(config: RunConfig) -> None:
    """Whether a run of `config` can be carried out, without its model; its upload is put where all machines
    reach it. `UserError` when the model is not prepared, or the data do not fit."""
    entry = catalog.find_model(config.model)
    if not is_ready(entry):
        raise UserError("The model is not prepared yet; prepare it on the home page first.")
    storage()  # one that is not understood is said now, not when the weights are to be saved
    fetch_dataset(config.data.dataset)
    load_run_data(config, _tokenizer(entry))
    share_dataset(config.data.dataset)


def _tokenizer(entry: catalog.ModelEntry) -> ChatTokenizer:
    folder = model_dir(entry)
    files = sorted([*folder.glob("*.json"), *folder.glob("*.jinja")])
    return _tokenizer_of(folder, tuple((file.name, file.stat().st_mtime_ns) for file in files))


@lru_cache(maxsize=4)
def _tokenizer_of(folder: Path, changed_ns: tuple[tuple[str, int], ...]) -> ChatTokenizer:
    """To read one takes a quarter of a second, which a reader would wait for at each click."""
    del changed_ns  # it is another one once a file was changed
    return ChatTokenizer.load(folder)
