"""Runs that nobody carries out any more are ended, with what is known of their end."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from unittest.mock import Mock

import psutil
import pytest
from sqlalchemy import update

from core.cli.main import main
from core.config import RunConfig
from core.errors import UserError
from core.paths import data_dir
from core.runs import liveness
from core.runs.record import RunSummary
from core.runs.states import RunStatus
from core.runs.store import RunStore, worker_identity
from core.runs.tables import runs
from core.visitor import Visitor
from tests.core.runs.processes import spawn
from tests.events import step
from tests.patience import wait_for

ME = worker_identity()
ELSEWHERE = "another-host:17:1.00"
pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def store() -> RunStore:
    return RunStore()


def ended_worker() -> str:
    """The identity of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return f"{socket.gethostname()}:{process.pid}:1.00"


def working() -> tuple[subprocess.Popen[str], str]:
    """A process that carries out a run, and the run."""
    worker = spawn(
        "run = store.start(RunConfig(), worker=worker_identity())\n"
        "store.append(run.id, step(1))\n"
        "print(run.id, flush=True)\n"
        "time.sleep(600)\n"
    )
    assert worker.stdout is not None
    return worker, worker.stdout.readline().strip()


# Processes that die


@pytest.mark.thorough
def test_a_killed_worker_fails_its_run_and_keeps_its_events(store: RunStore) -> None:
    mine = store.start(RunConfig(), worker=ME)
    worker = spawn(
        "run = store.start(RunConfig(), worker=worker_identity())\n"
        "for n in (1, 2, 3): store.append(run.id, step(n))\n"
        "store.append(run.id, sample(3, 'qa', 'yes'))\n"
        "print(run.id, flush=True)\n"
        "time.sleep(600)\n"
    )
    assert worker.stdout is not None
    run_id = worker.stdout.readline().strip()
    assert store.reap(stale_s=0.0) == []

    os.kill(worker.pid, signal.SIGKILL)
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)  # dead, but still a zombie
    reaped = store.reap()
    worker.communicate()

    assert [r.id for r in reaped] == [run_id]
    assert reaped == [store.get(run_id)]
    assert reaped[0].status is RunStatus.FAILED
    assert reaped[0].reason == (
        "The training process ended unexpectedly (it was stopped, or the machine ran out of "
        "memory). Everything up to step 3 was kept; run it again."
    )
    assert len(store.events(run_id)) == 4
    assert store.get(mine.id).status is RunStatus.RUNNING
    assert store.reap() == []


@pytest.mark.thorough
def test_whoever_opens_the_store_ends_the_runs_that_are_dead(store: RunStore) -> None:
    worker, run_id = working()
    assert RunStore().get(run_id).status is RunStatus.RUNNING
    worker.kill()
    worker.communicate()
    healed = RunStore().get(run_id)
    assert healed.status is RunStatus.FAILED
    assert "Everything up to step 1 was kept" in healed.reason
    store.delete(run_id)
    assert store.runs() == []


def test_a_store_that_takes_no_change_can_still_be_opened(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = store.start(RunConfig(), worker=ended_worker())

    def full(*_: object) -> int:
        raise UserError("The disk is full.")

    monkeypatch.setattr("core.runs.healing._last_step", full)
    assert RunStore().get(dead.id).status is RunStatus.RUNNING


def test_a_worker_that_is_gone_before_the_first_step(store: RunStore) -> None:
    store.start(RunConfig(), worker=ended_worker())
    assert "No step was completed" in store.reap()[0].reason


def test_a_process_number_used_again_is_not_the_worker(store: RunStore) -> None:
    began_at = psutil.Process().create_time()
    again = f"{socket.gethostname()}:{os.getpid()}:{began_at - 60:.2f}"
    run = store.start(RunConfig(), worker=again)
    assert [r.id for r in store.reap()] == [run.id]


def test_a_worker_elsewhere_is_judged_by_its_heartbeat(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent, beating, writing = (
        store.start(RunConfig(), worker=f"another-host:{pid}:1.00") for pid in (17, 18, 19)
    )
    later = time.time() + 300
    monkeypatch.setattr("core.runs.store.time.time", lambda: later)
    store.heartbeat(beating.id)
    store.append(writing.id, step(1))
    assert [r.id for r in store.reap()] == [silent.id]


def test_a_worker_that_speaks_up_while_it_is_judged_is_spared(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.start(RunConfig(), worker=ELSEWHERE)

    def judge(worker: str, **_: float) -> bool:
        store.heartbeat(run.id)
        return True

    monkeypatch.setattr("core.runs.healing.is_gone", judge)
    assert store.reap() == []
    assert store.get(run.id).status is RunStatus.RUNNING


@pytest.mark.thorough
@pytest.mark.parametrize("command", ["list", "show", "stop", "delete"])
def test_every_command_ends_the_run_of_a_killed_command(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    worker, run_id = working()
    worker.kill()
    worker.communicate()
    assert main(["runs", command] + [run_id] * (command != "list")) == 0
    printed = capsys.readouterr()
    if command == "delete":
        assert RunStore().runs() == []
    else:
        assert "failed" in printed.out + printed.err
        assert RunStore().get(run_id).status is RunStatus.FAILED


@pytest.mark.thorough
def test_a_process_that_hangs_is_given_up(store: RunStore) -> None:
    worker, run_id = working()
    worker.send_signal(signal.SIGSTOP)
    given_up = list[str]()
    heal = partial(store.reap, stale_s=0.3, given_up=given_up.append)
    assert heal() == []  # how long it has been silent, nobody has watched yet
    time.sleep(0.4)
    assert RunStore().reap(stale_s=0.3) == []
    assert [run.id for run in heal()] == [run_id]
    assert given_up == [store.get(run_id).worker]
    worker.kill()
    worker.communicate()


@pytest.mark.thorough
def test_who_was_suspended_with_a_process_does_not_call_it_silent(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-Z in the terminal of the app, or a container that is paused, stops both."""
    worker, run_id = working()
    clock = itertools.accumulate((1000.0, 1.0, 5000.0, 80.0, 60.0))
    monkeypatch.setattr(liveness, "time", Mock(monotonic=lambda: next(clock), time=time.time))
    assert [len(store.reap()) for _ in range(5)] == [0, 0, 0, 0, 1]
    assert store.get(run_id).status is RunStatus.FAILED
    worker.kill()
    worker.communicate()


@pytest.mark.thorough
def test_a_process_that_beats_is_not_given_up(store: RunStore) -> None:
    run = store.start(RunConfig(), worker=ME)
    for _ in range(4):
        assert store.reap(stale_s=0.3) == []
        time.sleep(0.2)
        assert store.heartbeat(run.id)
    store.stop(run.id)
    assert not store.heartbeat(run.id)


def test_a_run_whose_worker_has_taken_another_is_ended(store: RunStore) -> None:
    lost = store.start(RunConfig(), worker=ME)
    store.append(lost.id, step(1))
    other = store.start(RunConfig(), worker=ELSEWHERE)
    store.submit(RunConfig(seed=1))
    taken = store.claim(worker=ME)
    assert [run.id for run in store.reap()] == [lost.id]
    assert store.get(lost.id).reason == (
        "The end of this run was not recorded, for the disk may have been full. "
        "Everything up to step 1 was kept; run it again."
    )
    assert taken is not None
    assert {run.id for run in store.active()} == {taken.id, other.id}


def test_a_run_is_not_given_up_for_one_that_was_queued_later_and_taken_before(
    store: RunStore,
) -> None:
    """The queue goes by turns: a worker may take the first run after the second."""
    ana, ben = (Visitor(f"space-{name}", "learner", "7a", name) for name in ("ana", "ben"))
    for seed in range(3):
        store.submit(RunConfig(seed=seed), visitor=ana)
    last = store.submit(RunConfig(seed=3), visitor=ben)
    taken: list[str] = []
    while run := store.claim(worker=ME):
        assert store.reap() == []
        store.finish(run.id, RunSummary())
        taken.append(run.id)
    assert len(taken) == 4
    assert taken[-1] != last.id


def test_a_run_that_does_not_say_when_it_was_taken_hinders_no_other(store: RunStore) -> None:
    """A damaged row."""
    nobody_knows = store.start(RunConfig(), worker=ME)
    with store._database.transaction() as connection:
        row = update(runs).where(runs.c.id == nobody_knows.id)
        connection.execute(row.values(started_at=None, heartbeat_at=None))
    gone = store.start(RunConfig(seed=1), worker=ended_worker())
    assert gone.id in [run.id for run in store.reap()]


def test_what_an_interrupted_saving_left_goes_with_its_run(store: RunStore) -> None:
    run = store.start(RunConfig(), worker=ended_worker())
    partial = data_dir() / "runs" / f"{run.id}.partial"
    partial.mkdir(parents=True)
    (partial / "adapter.safetensors").write_bytes(b"half")
    RunStore()
    assert not partial.exists()


# Signs of life


def test_signs_of_life_come_also_while_nothing_else_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(liveness, "BEAT_S", 0.01)
    beats = itertools.count(1)

    def beat() -> bool:
        n = next(beats)
        if n == 2:
            raise UserError("The disk is full.")
        return n < 5

    with liveness.beating(beat) as was_ended:
        wait_for(was_ended, look_s=0.01)
    assert next(beats) == 6
