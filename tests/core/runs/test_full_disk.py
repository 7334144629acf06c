"""A disk that is full for a while: no ending is lost, nothing half-written stays, the process lives on."""

import contextlib
import os
import shlex
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from sqlalchemy import Pool, event

from core.cli.main import main
from core.config import DataConfig, EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig
from core.config.command import command_of
from core.data import uploads
from core.errors import UserError
from core.events import Event, Step
from core.methods import full
from core.models.load import LoadedModel
from core.paths import data_dir, write_whole
from core.runs import artifacts, liveness
from core.runs.engines.local import LocalEngine
from core.runs.execute import execute
from core.runs.states import RunStatus
from core.runs.store import RunStore, RunSummary, worker_identity
from tests.core.runs.processes import spawn
from tests.events import step
from tests.patience import wait_for

ME = worker_identity()
WHY = "It is a long story. " * 1_000
"""More than fits into the pages that the database has."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return tmp_path


class Disk:
    """Lets SQLite's file grow or not."""

    is_full = False

    def limit(self, connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {1 if self.is_full else 2**30}")


@pytest.fixture
def disk() -> Iterator[Disk]:
    made = Disk()
    event.listen(Pool, "checkout", made.limit)
    yield made
    event.remove(Pool, "checkout", made.limit)


# The store


def test_an_ending_that_the_store_cannot_take_is_recorded_when_it_can(disk: Disk) -> None:
    store = RunStore()
    run, following = store.start(RunConfig(), worker=ME), store.submit(RunConfig(seed=1))
    disk.is_full = True
    store.fail(run.id, WHY)
    assert store.get(run.id).status is RunStatus.RUNNING
    with pytest.raises(UserError, match="The disk is full"):
        store.claim(worker=ME)
    with pytest.raises(UserError, match="The disk is full"):
        store.start(RunConfig(), worker=ME)
    disk.is_full = False
    claimed = store.claim(worker=ME)
    assert claimed is not None
    assert claimed.id == following.id
    assert store.get(run.id).reason == WHY
    assert store.get(run.id).status is RunStatus.FAILED
    store.delete(run.id)
    assert list((data_dir() / "endings").iterdir()) == []


@pytest.mark.thorough
def test_whoever_opens_the_store_records_the_ending_of_a_process_that_is_gone(disk: Disk) -> None:
    worker = spawn(
        "run = store.start(RunConfig(), worker=worker_identity())\n"
        "print(run.id, flush=True)\n"
        "sys.stdin.readline()\n"
        "from core.runs.schema import Database\n"
        "from sqlalchemy import event, Pool\n"
        "event.listen(Pool, 'checkout', lambda c, *_: c.execute('PRAGMA max_page_count = 1'))\n"
        "store.finish(run.id, RunSummary(scores={f'task {n}': 0.5 for n in range(2000)}, steps=7))\n"
        "print('kept', flush=True)\n"
        "time.sleep(600)\n"
    )
    assert worker.stdout is not None
    assert worker.stdin is not None
    run_id = worker.stdout.readline().strip()
    worker.stdin.write("end\n")
    worker.stdin.flush()
    assert worker.stdout.readline() == "kept\n"
    worker.kill()
    worker.communicate()
    disk.is_full = True
    assert RunStore().get(run_id).status is RunStatus.RUNNING
    disk.is_full = False
    found = RunStore().get(run_id)
    assert (found.status, found.summary.steps) == (RunStatus.FINISHED, 7)
    assert found.ended_at is not None
    assert len(found.summary.scores) == 2000


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"status": "nonsense", "ended_at": 1}'])
def test_a_damaged_file_of_an_ending_counts_as_none(damage: str) -> None:
    store = RunStore()
    run = store.start(RunConfig(), worker="another-host:17:1.00")
    write_whole(data_dir() / "endings" / f"{run.id}.json", damage.encode())
    assert store.reap() == []
    assert store.get(run.id).status is RunStatus.RUNNING


@pytest.mark.thorough
def test_silence_on_a_full_disk_is_no_silence(disk: Disk) -> None:
    """Signs of life cannot be recorded either: who waits for them begins anew."""
    store = RunStore()
    run = store.start(RunConfig(), worker=ME)
    left = store.start(RunConfig(), worker="another-host:17:1.00")
    write_whole(
        data_dir() / "endings" / f"{left.id}.json",
        f'{{"status": "failed", "ended_at": 1.0, "reason": "{WHY}"}}'.encode(),
    )
    disk.is_full = True
    for _ in range(2):
        with pytest.raises(UserError, match="full"):
            store.reap(stale_s=0.2)
        time.sleep(0.3)
    disk.is_full = False
    assert [r.id for r in store.reap(stale_s=0.2)] == [left.id]
    assert store.get(run.id).status is RunStatus.RUNNING


@pytest.mark.thorough
def test_a_command_says_that_its_end_is_not_recorded_and_the_next_one_records_it(
    disk: Disk,
    config: Callable[..., RunConfig],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fill_disk(*_: object) -> None:
        disk.is_full = True
        raise RuntimeError(WHY)

    monkeypatch.setattr(full, "save", fill_disk)
    assert main([*shlex.split(command_of(config()))[3:]]) == 2
    assert "cannot be recorded now; the disk may be full" in capsys.readouterr().err
    disk.is_full = False
    assert main(["runs", "list"]) == 0
    assert "failed" in capsys.readouterr().out
    assert RunStore().runs()[0].reason == f"Training failed: {WHY}"


# A real small disk


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip("a disk may not be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def small(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home lies on a disk of 2 MB."""
    with mounted(home / "small", "2m"):
        monkeypatch.setenv("TUNING_FORK_HOME", str(home / "small"))
        yield home / "small"


def fill(folder: Path, *, leave: int = 0) -> Path:
    """Write a file until the disk is full, but for `leave` bytes."""
    filler = folder / "filler"
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    with contextlib.suppress(
        OSError
    ):  # a run that records meanwhile may take some of it: full all the same
        filler.write_bytes(bytes(max(free - leave, 0)))
    return filler


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: save_file({"a": torch.zeros(2**20)}, folder / "a.safetensors"),
        lambda folder: (folder / "a").write_bytes(bytes(2**22)),
    ],
    ids=["safetensors", "file"],
)
def test_weights_that_do_not_fit_leave_nothing(small: Path, write: Callable[[Path], None]) -> None:
    def save() -> None:
        with artifacts.saving("some-run") as folder:
            (folder / "config.json").write_text("{}")
            write(folder)

    with pytest.raises(UserError, match="The disk is full: the tuned weights cannot be saved"):
        save()
    assert list((data_dir() / "runs").iterdir()) == []


def test_a_file_that_does_not_fit_leaves_nothing(small: Path) -> None:
    with pytest.raises(UserError, match="cannot be saved"):
        uploads.keep([{"prompt": "word " * 2**20, "completion": "x"}])
    assert list(uploads.folder().iterdir()) == []


def test_deleting_a_run_frees_a_full_disk(small: Path) -> None:
    store = RunStore()
    run = store.start(RunConfig(), worker=ME)
    for n in range(50):
        store.append(run.id, step(n))
    with artifacts.saving(run.id) as folder:
        (folder / "weights").write_bytes(bytes(2**19))
    store.finish(run.id, RunSummary())
    fill(small)

    def record() -> None:
        for n in range(1_000):
            store.append(run.id, step(n))

    with pytest.raises(UserError, match="The disk is full"):
        record()
    RunStore().delete(run.id)
    assert RunStore().runs() == []
    assert list((data_dir() / "runs").iterdir()) == []


@pytest.fixture
def config(tiny_folder: Path) -> Callable[..., RunConfig]:
    def make(*, steps: int = 3, seed: int = 0) -> RunConfig:
        dataset = uploads.keep([{"prompt": f"cat {i}", "completion": "dog"} for i in range(20)])
        return RunConfig(
            model=str(tiny_folder.resolve()),
            data=DataConfig(task="custom", dataset=dataset),
            method=MethodConfig(name="full"),
            optimizer=OptimizerConfig(steps=steps, batch_size=2),
            evaluation=EvaluationConfig(every=10_000, samples=0),
            seed=seed,
        )

    return make


@pytest.mark.thorough
def test_stopping_on_a_full_disk_ends_the_run_and_nothing_else(
    small: Path, config: Callable[..., RunConfig], tiny: LoadedModel
) -> None:
    store = RunStore()
    run = store.start(config(steps=5_000), worker=ME)
    fillers = list[Path]()

    def stop(event: Event) -> None:
        if isinstance(event, Step) and event.step == 2 and not fillers:
            store.request_stop(run.id)
            fillers.append(fill(small))
            time.sleep(0.3)  # so that it is asked for before the next event

    execute(run, store, lambda _: tiny, on_event=stop)
    assert not (data_dir() / "runs").exists() or list((data_dir() / "runs").iterdir()) == []
    fillers[0].unlink()
    store.claim(worker=ME)
    ended = store.get(run.id)
    assert ended.status is RunStatus.STOPPED
    assert ended.reason == (
        "Stopped by the reader. The disk is full: the tuned weights cannot be saved. "
        "The curves are kept. Free some space, then run it again."
    )
    store.delete(run.id)


@pytest.mark.thorough
def test_a_disk_that_fills_during_a_run_and_has_space_again(
    small: Path, config: Callable[..., RunConfig]
) -> None:
    engine = LocalEngine(RunStore())
    store = engine.store
    try:
        run, following = engine.submit(config(steps=5_000)), engine.submit(config(seed=1))
        wait_for(lambda: any(isinstance(e, Step) for e in store.events(run.id)))
        worker = engine.workers["train"].process.pid
        filler = fill(small)
        time.sleep(5)
        filler.unlink()
        wait_for(lambda: store.get(run.id).status.is_over)
        assert store.get(run.id).status is RunStatus.FAILED
        assert "The disk is full" in store.get(run.id).reason
        wait_for(lambda: store.get(following.id).status.is_over)
        assert store.get(following.id).status is RunStatus.FINISHED
        assert engine.workers["train"].process.pid == worker
        assert store.get(following.id).started_at >= store.get(run.id).ended_at
        store.delete(run.id)
    finally:
        engine.close()


# Long steps


@pytest.mark.thorough
def test_a_long_step_gives_signs_of_life_and_an_end_from_outside_is_noticed(
    config: Callable[..., RunConfig], tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "BEAT_S", 0.05)
    store = RunStore()
    run = store.start(config(steps=5_000), worker=ME)
    seen = list[bool]()

    def load(_: RunConfig) -> LoadedModel:
        time.sleep(0.5)
        seen.append(store.reap(stale_s=0.3) == [])
        time.sleep(0.4)
        seen.append(store.reap(stale_s=0.3) == [])
        return tiny

    def end(event: Event) -> None:
        if isinstance(event, Step) and event.step == 2:
            store.fail(run.id, "It was given up.")
            time.sleep(0.3)

    execute(run, store, load, on_event=end)
    assert seen == [True, True]
    assert store.get(run.id).reason == "It was given up."
    assert [e.step for e in store.events(run.id) if isinstance(e, Step)][-1] < 5
