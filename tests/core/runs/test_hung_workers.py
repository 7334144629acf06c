"""Worker processes that are there and do nothing any more: others take their place, whatever they hold."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from core.config import RunConfig
from core.errors import UserError
from core.generate.settings import SamplingSettings
from core.runs.engines import local
from core.runs.engines.local import LocalEngine
from core.runs.messages import Generate
from core.runs.states import RunStatus
from core.runs.store import RunStore
from tests.patience import wait_for

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(psutil.WINDOWS, reason="knows no signal to suspend"),
]
GIVEN_UP_S = 8.0
"""A machine that is very busy may keep a worker that is well from speaking for a few."""
WORKER = """
import os, signal, sys, time
from pathlib import Path
from sqlalchemy import Engine, event
import core.runs.liveness as liveness
import core.runs.worker as worker

liveness.BEAT_S = 0.2

@event.listens_for(Engine, "after_cursor_execute")
def hang(connection, cursor, statement, *_):
    if statement.startswith("INSERT INTO events") and Path(sys.argv[2]).exists():
        how = Path(sys.argv[2]).read_text()
        Path(sys.argv[2]).unlink()
        if how == "suspended":
            os.kill(os.getpid(), signal.SIGSTOP)
        connection.rollback()
        worker.WorkerStore.heartbeat = lambda *_: True
        time.sleep(600)

worker.main(sys.argv[1])
"""


@pytest.fixture
def hang(tmp_path: Path) -> Path:
    """How the next worker that records an event hangs before it is committed, if this file is there."""
    return tmp_path / "hang"


@pytest.fixture
def engine(home: Path, hang: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalEngine]:
    """Its workers say five times a second that they live."""
    spawn = LocalEngine._spawn

    def quick(self: LocalEngine, command: list[str]) -> subprocess.Popen[str]:
        return spawn(self, [sys.executable, "-c", WORKER, command[-1], str(hang)])

    monkeypatch.setattr(LocalEngine, "_spawn", quick)
    made = LocalEngine(RunStore())
    yield made
    made.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "STALE_S", GIVEN_UP_S)


def is_suspended(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


@pytest.mark.usefixtures("impatient")
def test_a_worker_suspended_while_it_holds_the_database(
    engine: LocalEngine, config: Callable[..., RunConfig], hang: Path
) -> None:
    """Nothing can be recorded so long, not even that it is given up."""
    hang.write_text("suspended")
    run, following = engine.submit(config()), engine.submit(config(seed=1))
    wait_for(
        lambda: "train" in engine.workers and is_suspended(engine.workers["train"].process.pid)
    )
    wait_for(lambda: engine.store.get(following.id).status.is_over)
    assert engine.store.get(run.id).status is RunStatus.FAILED
    assert "ended unexpectedly" in engine.store.get(run.id).reason
    assert engine.store.get(following.id).status is RunStatus.FINISHED


@pytest.mark.usefixtures("impatient")
def test_workers_suspended_during_a_question_and_between_two_runs(
    engine: LocalEngine, config: Callable[..., RunConfig]
) -> None:
    first = engine.submit(config())
    settings = SamplingSettings(max_new_tokens=200)
    request = Generate(model=first.config.model, text="cat", settings=settings)
    wait_for(lambda: engine.store.get(first.id).status.is_over)
    answer = engine.ask(request)
    next(answer)
    for role in ("train", "ask"):
        os.kill(engine.workers[role].process.pid, signal.SIGSTOP)
    with pytest.raises(UserError, match="ended unexpectedly"):
        list(engine.ask(replace(request, text="cat " * 100_000)))  # more than its pipe takes
    run = engine.submit(config(seed=1))
    with pytest.raises(UserError, match="ended unexpectedly"):
        list(answer)
    assert list(engine.ask(request))
    wait_for(lambda: engine.store.get(run.id).status.is_over)
    assert engine.store.get(run.id).status is RunStatus.FINISHED


def test_a_worker_that_is_only_silent_in_the_database(
    engine: LocalEngine,
    config: Callable[..., RunConfig],
    hang: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = engine.store
    monkeypatch.setattr(store, "reap", partial(store.reap, stale_s=GIVEN_UP_S))
    hang.write_text("silent")
    run, following = engine.submit(config()), engine.submit(config(seed=1))
    wait_for(lambda: store.get(following.id).status.is_over)
    assert store.get(run.id).status is RunStatus.FAILED
    assert store.get(following.id).status is RunStatus.FINISHED
