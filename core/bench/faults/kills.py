"""A training killed at a random moment: every event that was told is on record, and nothing is left over.

By turns the command `train` is killed, and the worker process of an engine as the web server has it. The
run must end as failed with a sentence, the database must be whole, and the next run must train.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import psutil

from core import catalog
from core.bench.faults.tries import LOST, NOT_TRIED, ORPHAN, SENTENCE, SILENT, TRACEBACK, Try
from core.config import DataConfig, EvaluationConfig, OptimizerConfig, RunConfig
from core.config.command import words_of
from core.models.acquire import is_ready
from core.paths import ROOT, cache_dir, data_dir
from core.runs.engines.local import LocalEngine
from core.runs.states import RunStatus
from core.runs.store import Run, RunStore
from core.typed_json import strict_json

KIND = "kills"
WAIT_S = 300.0
SMALL = RunConfig(
    data=DataConfig(task="names", train_examples=16),
    optimizer=OptimizerConfig(steps=30, batch_size=2),
    evaluation=EvaluationConfig(every=10, examples=2, final_examples=2, samples=1),
)
"""Long enough to be killed at any moment of it."""


@contextmanager
def trying(place: Path) -> Generator[Callable[[int, Random], Try]]:
    with own_place(place):
        yield one


@contextmanager
def own_place(place: Path, **settings: str) -> Generator[None]:
    """A home of the campaign, with the models of this machine; `settings` are of the environment, too."""
    place.mkdir(parents=True, exist_ok=True)
    if not (place / "cache").exists():
        (place / "cache").symlink_to(cache_dir().resolve())
    wanted = {"TUNING_FORK_HOME": str(place), "DATABASE_URL": "", **settings}
    usual = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in usual.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def not_prepared(kind: str, number: int) -> Try | None:
    """Where there is no model, nothing can be tried."""
    if is_ready(catalog.MODELS[catalog.DEFAULT_MODEL]):
        return None
    return Try(kind=kind, number=number, what="The model is not prepared", outcome=NOT_TRIED)


def moment(number: int, random: Random) -> tuple[RunConfig, int, float]:
    """A run, and after how many of its events and how many seconds more it is disturbed."""
    config = RunConfig.from_dict({**SMALL.to_dict(), "seed": number})
    return config, random.randrange(1, 40), random.random() * 0.5


def one(number: int, random: Random) -> Try:
    if lacking := not_prepared(KIND, number):
        return lacking
    config, n_events, wait_s = moment(number, random)
    if number % 2:
        return _kill_worker(number, config, n_events, wait_s)
    return _kill_command(number, config, n_events, wait_s)


def _kill_command(number: int, config: RunConfig, n_events: int, wait_s: float) -> Try:
    """Kill `train --json` after some of its events, a random moment later."""
    command = [sys.executable, "-m", "core", "train", *words_of(config), "--json"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    told: list[str] = []
    for line in process.stdout:
        told.append(line)
        if len(told) == n_events:
            break
    time.sleep(wait_s)
    family = [*psutil.Process(process.pid).children(recursive=True)]
    process.send_signal(signal.SIGKILL)
    told += process.stdout.readlines()
    process.wait()
    if told and not told[-1].endswith("\n"):
        told.pop()  # killed in the middle of a line
    events = [json.loads(line) for line in told]
    run_id = next((e["run_id"] for e in events if e["type"] == "started"), "")
    what = f"train, killed after {n_events} events and {wait_s:.2f} s"
    return judge(KIND, number, what, run_id, events, family)


def _kill_worker(number: int, config: RunConfig, n_events: int, wait_s: float) -> Try:
    """Kill the process that an engine trains in."""
    store = RunStore()
    engine = LocalEngine(store)
    try:
        run = engine.submit(config)
        wait(lambda: len(store.messages(run.id)) >= n_events or is_over(store, run))
        time.sleep(wait_s)
        known = store.messages(run.id)
        worker = engine.workers["train"].process
        family = psutil.Process(worker.pid).children(recursive=True)
        worker.send_signal(signal.SIGKILL)
        ended = wait(lambda: is_over(store, run))
        what = f"worker, killed after {n_events} events and {wait_s:.2f} s"
        if not ended:
            said = f"{WAIT_S:.0f} s later the run has not ended"
            return Try(kind=KIND, number=number, what=what, outcome=TRACEBACK, said=said)
        return judge(KIND, number, what, run.id, known, family)
    finally:
        engine.close()


def is_over(store: RunStore, run: Run) -> bool:
    return store.get(run.id).status.is_over


def wait(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.05)
    return False


def judge(
    kind: str,
    number: int,
    what: str,
    run_id: str,
    told: list[dict[str, object]],
    family: list[psutil.Process],
) -> Try:
    """How it ended: all that was `told` must be on record, and no process of the `family` be left."""
    outcome, said = SILENT, ""
    store = RunStore()  # whoever opens it marks the runs whose process is gone
    if run_id:
        run, kept = store.get(run_id), store.messages(run_id)
        recorded = [_unnumbered(event) for event in kept]
        missing = [event for event in map(strict_json, told) if _unnumbered(event) not in recorded]
        outcome, said = SENTENCE, run.reason
        if run.status not in (RunStatus.FAILED, RunStatus.FINISHED):
            outcome, said = TRACEBACK, f"the run is {run.status}"
        if [event["seq"] for event in kept] != list(range(1, len(kept) + 1)):
            outcome, said = LOST, "the numbers of the events have a gap"
        if missing:
            outcome, said = LOST, f"{len(missing)} of {len(told)}: {json.dumps(missing[0])[:300]}"
    if not _is_whole():
        outcome, said = TRACEBACK, "the database is damaged"
    left = psutil.wait_procs(family, timeout=10)[1]
    if left:
        outcome, said = ORPHAN, str(left)
    return Try(kind=kind, number=number, what=what, outcome=outcome, said=said)


def _unnumbered(event: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in event.items() if key not in ("seq", "at")}


def _is_whole() -> bool:
    for file in data_dir().glob("*.sqlite3"):
        with closing(sqlite3.connect(file)) as connection:
            if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                return False
    return True
