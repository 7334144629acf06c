"""The engine with real worker processes on a tiny real model: queue, cancel, crashes, questions."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import psutil
import pytest

from core import catalog
from core.config import RunConfig
from core.errors import UserError
from core.events import Step
from core.generate.settings import SamplingSettings
from core.machine import NICE
from core.openmp import BRIEF
from core.paths import ROOT
from core.runs.engines import local, processes
from core.runs.engines.local import LocalEngine
from core.runs.messages import Generate, Generated
from core.runs.states import RunStatus
from core.runs.store import RunStore
from tests.patience import wait_for

pytestmark = [pytest.mark.thorough]
LONG = 5_000


def ask(engine: LocalEngine, config: RunConfig, n: int = 5) -> list[Generated]:
    return list(engine.ask(question(config, n)))


def question(config: RunConfig, n: int) -> Generate:
    settings = SamplingSettings(max_new_tokens=n)
    return Generate(model=config.model, text="cat", settings=settings)


def test_runs_wait_for_each_other_and_all_finish(
    engine: LocalEngine, config: Callable[..., RunConfig]
) -> None:
    first, second = engine.submit(config(seed=1)), engine.submit(config(seed=2))
    store = engine.store
    wait_for(lambda: store.get(second.id).status.is_over)
    one, two = store.get(first.id), store.get(second.id)
    assert (one.status, two.status) == ("finished", "finished")
    assert one.ended_at <= two.started_at
    steps = [e.step for e in store.events(second.id) if isinstance(e, Step)]
    assert steps == [1, 2, 3]


def test_workers_spin_briefly_unless_the_reader_wants_otherwise(
    engine: LocalEngine, config: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.setenv("KMP_BLOCKTIME", "7")
    ask(engine, config())
    environment = psutil.Process(engine.workers["ask"].process.pid).environ()
    assert environment["GOMP_SPINCOUNT"] == BRIEF["GOMP_SPINCOUNT"]
    assert environment["KMP_BLOCKTIME"] == "7"


@pytest.mark.skipif(psutil.WINDOWS, reason="priorities are classes there")
def test_pages_and_answers_go_before_a_training(
    engine: LocalEngine, config: Callable[..., RunConfig]
) -> None:
    mine = psutil.Process().nice()
    engine.submit(config())
    ask(engine, config())
    training, answering = (
        psutil.Process(engine.workers[role].process.pid) for role in ("train", "ask")
    )
    wait_for(lambda: training.nice() == max(mine, NICE))
    assert answering.nice() == mine


DEAF = "import core.runs.worker as w; w.IDLE_S = 1000; w.main('train')"


def test_a_worker_is_told_of_a_run_and_need_not_look(
    home: Path, config: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a pause of a quarter of an hour between two looks, a run still starts at once."""
    spawn = LocalEngine._spawn

    def deaf(self: LocalEngine, command: list[str]) -> subprocess.Popen[str]:
        words = [sys.executable, "-c", DEAF] if command[-1] == "train" else command
        return spawn(self, words)

    monkeypatch.setattr(LocalEngine, "_spawn", deaf)
    engine = LocalEngine(RunStore())
    try:
        engine._worker("train")
        wait_for(lambda: engine.is_warm("train"))
        time.sleep(1)  # it has looked once, and found nothing
        run = engine.submit(config())
        wait_for(lambda: engine.store.get(run.id).status.is_over)
        assert engine.store.get(run.id).status == "finished"
    finally:
        engine.close()


def test_a_changed_tokenizer_is_read_again(home: Path, tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny_folder, folder)
    entry = catalog.find_model(str(folder))
    first = local._tokenizer(entry)
    assert local._tokenizer(entry) is first
    (folder / "chat_template.jinja").write_text("{{ messages[0]['content'] }}!")
    assert local._tokenizer(entry).chat([{"role": "user", "content": "Hi"}]) == "Hi!"


def test_waiting_and_training_runs_can_be_stopped(
    engine: LocalEngine, config: Callable[..., RunConfig]
) -> None:
    training, waiting = engine.submit(config(steps=LONG)), engine.submit(config(steps=LONG, seed=1))
    store = engine.store
    wait_for(lambda: any(isinstance(e, Step) for e in store.events(training.id)))
    engine.cancel(waiting.id)
    engine.cancel(training.id)
    wait_for(lambda: not store.active())
    assert store.get(training.id).status == "stopped"
    assert store.get(waiting.id).status is RunStatus.STOPPED
    assert not [e for e in store.events(waiting.id) if isinstance(e, Step)]


def test_killed_worker_fails_its_run_and_the_next_one_goes_on(
    engine: LocalEngine, config: Callable[..., RunConfig]
) -> None:
    doomed, following = engine.submit(config(steps=LONG)), engine.submit(config(seed=1))
    store = engine.store
    wait_for(lambda: any(isinstance(e, Step) for e in store.events(doomed.id)))
    os.kill(engine.workers["train"].process.pid, signal.SIGKILL)
    wait_for(lambda: store.get(following.id).status.is_over)
    failed = store.get(doomed.id)
    assert failed.status == "failed"
    assert "run it again" in failed.reason.lower()
    assert any(isinstance(e, Step) for e in store.events(doomed.id))
    assert store.get(following.id).status == "finished"


def test_questions_are_answered_beside_a_run_and_after_a_crash(
    engine: LocalEngine, config: Callable[..., RunConfig]
) -> None:
    run = engine.submit(config(steps=LONG))
    wait_for(lambda: any(isinstance(e, Step) for e in engine.store.events(run.id)))
    messages = ask(engine, config())
    assert 1 <= len(messages) <= 5
    assert [m.token.n_tokens for m in messages] == list(range(1, len(messages) + 1))
    assert engine.store.get(run.id).status == "running"
    engine.cancel(run.id)
    answers = engine.ask(question(run.config, 200))
    next(answers)
    os.kill(engine.workers["ask"].process.pid, signal.SIGKILL)
    with pytest.raises(UserError, match="ended unexpectedly"):
        list(answers)
    assert ask(engine, config())


GROWS = """
import itertools, time
import core.runs.worker as worker

held_mb = itertools.count(1_000, 1_500)
worker.memory_mb = lambda: next(held_mb)
worker.release_memory = lambda: time.sleep(1)
worker.main("ask")
"""


def test_a_question_to_a_worker_that_starts_anew_is_answered_by_the_next(
    engine: LocalEngine, config: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that has grown ends between two questions: the second may be on its way by then."""
    spawn = engine._spawn

    def grows(command: list[str]) -> subprocess.Popen[str]:
        return spawn([sys.executable, "-c", GROWS] if command[-1] == "ask" else command)

    monkeypatch.setattr(engine, "_spawn", grows)
    workers = set[int]()

    def third_answers() -> bool:
        assert ask(engine, config())
        workers.add(engine.workers["ask"].process.pid)
        return len(workers) >= 3

    wait_for(third_answers)


def test_mistakes_come_back_as_one_sentence(
    engine: LocalEngine, config: Callable[..., RunConfig]
) -> None:
    with pytest.raises(UserError, match="nosuch"):
        list(engine.ask(replace(question(config(), 5), run="nosuch")))
    with pytest.raises(UserError, match="not prepared"):
        engine.submit(RunConfig())


def test_who_waits_for_a_silent_worker_may_go(
    engine: LocalEngine, config: Callable[..., RunConfig]
) -> None:
    ask(engine, config())
    worker = engine.workers["ask"].process.pid
    os.kill(worker, signal.SIGSTOP)
    answers = engine.ask(question(config(), 5), beat=True)
    assert next(answers) is None
    os.kill(worker, signal.SIGCONT)
    assert any(message is not None for message in answers)


def test_closing_an_answer_early_frees_the_worker(
    engine: LocalEngine, config: Callable[..., RunConfig]
) -> None:
    answers = engine.ask(question(config(), 200))
    next(answers)
    answers.close()
    assert engine.waiting_questions() == 0
    assert ask(engine, config())


@pytest.mark.proof
def test_two_servers_on_one_home_train_one_run_at_a_time(
    engine: LocalEngine, config: Callable[..., RunConfig]
) -> None:
    store = engine.store
    first = engine.submit(config(steps=LONG))
    wait_for(lambda: store.get(first.id).status is RunStatus.RUNNING)
    other = LocalEngine(RunStore())
    try:
        wait_for(lambda: other.is_warm("ask"))  # its worker for training started before this one
        second = other.submit(config(steps=LONG, seed=1))
        assert other.submit(config(steps=LONG)).id == first.id
        time.sleep(2)
        assert store.get(second.id).status is RunStatus.QUEUED
        assert store.get(first.id).status is RunStatus.RUNNING
        wait_for(other.trains_elsewhere)
        assert not engine.trains_elsewhere()
        engine.close()
        wait_for(lambda: store.get(second.id).status is RunStatus.RUNNING)
        assert store.get(second.id).worker.split(":")[1] == str(other.workers["train"].process.pid)
        assert store.get(first.id).status is RunStatus.FAILED
        assert not other.trains_elsewhere()
        other.cancel(second.id)
        wait_for(lambda: not store.active())
    finally:
        other.close()


def test_the_watch_outlives_what_nobody_foresaw(
    engine: LocalEngine, config: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = list[float]()

    def reap(**_: object) -> None:
        raised.append(time.monotonic())
        raise ArithmeticError("never seen before")

    with monkeypatch.context() as patch:
        patch.setattr(engine.store, "reap", reap)
        wait_for(lambda: len(raised) >= 3)
        run = engine.submit(config())
    wait_for(lambda: engine.store.get(run.id).status.is_over)
    assert engine.store.get(run.id).status is RunStatus.FINISHED
    assert raised[2] - raised[1] > 1.9 * local.WATCH_S  # it does not fill the log


def test_a_worker_that_cannot_start_is_not_started_all_the_time(
    engine: LocalEngine, config: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = list[float]()
    spawn = engine._spawn

    def broken(command: list[str]) -> subprocess.Popen[str]:
        if command[-1] != "train":
            return spawn(command)
        started.append(time.monotonic())
        return spawn(["false"])

    monkeypatch.setattr(engine, "_spawn", broken)
    engine.submit(config())
    wait_for(lambda: len(started) >= 4)
    pauses = [later - earlier for earlier, later in pairwise(started)]
    assert [pause > least for pause, least in zip(pauses, (0.9, 1.9, 3.9), strict=True)] == [
        True
    ] * 3


CANNOT_CLAIM = """
import time
import core.runs.worker as worker

def claim(store, *, worker):
    print("claims at", time.monotonic(), flush=True)
    raise UserError("The disk is full.")

UserError = worker.UserError
worker.RunStore.claim = claim
worker.main("train")
"""


def test_a_worker_that_can_take_no_run_does_not_ask_all_the_time(home: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", CANNOT_CLAIM], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    assert worker.stdout
    told = (line.split() for line in worker.stdout)
    claims = [float(w[-1]) for w in islice((w for w in told if w[:1] == ["claims"]), 4)]
    assert worker.poll() is None
    worker.kill()
    worker.communicate()
    pauses = [later - earlier for earlier, later in pairwise(claims)]
    assert [pause > least for pause, least in zip(pauses, (0.4, 0.9, 1.9), strict=True)] == [
        True
    ] * 3


def test_the_log_of_the_workers_stays_small(
    engine: LocalEngine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "LARGEST_LOG", 100)
    talks = [sys.executable, "-c", "import sys; sys.stderr.write('x' * 150)"]
    for _ in range(5):
        engine._spawn(talks).wait()
    assert sum(log.stat().st_size for log in (home / "data" / "logs").iterdir()) <= 300


SERVER = """
import sys, time
from core.config import RunConfig
from core.runs.engines import local, processes
from core.runs.engines.local import LocalEngine
from core.runs.states import RunStatus
from core.runs.store import RunStore
engine = LocalEngine(RunStore())
run = engine.submit(RunConfig.from_dict(__import__("json").loads(sys.argv[1])))
print(run.id, flush=True)
time.sleep(600)
"""


def test_workers_of_a_killed_server_go_and_its_run_is_marked(
    home: Path, config: Callable[..., RunConfig]
) -> None:
    settings = json.dumps(config(steps=LONG).to_dict())
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, settings], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    run_id = server.stdout.readline().strip()
    store = RunStore()
    wait_for(lambda: any(isinstance(e, Step) for e in store.events(run_id)))
    server.kill()
    server.wait()
    wait_for(lambda: store.get(run_id).status.is_over)
    assert store.get(run_id).status == "failed"
    assert "run it again" in store.get(run_id).reason
    assert any(isinstance(e, Step) for e in store.events(run_id))
