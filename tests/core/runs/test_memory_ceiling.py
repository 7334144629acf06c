"""A worker that uses too much memory ends with a sentence, and a grown one is started anew."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.config import RunConfig
from core.errors import UserError
from core.paths import ROOT
from core.runs import memory_ceiling
from core.runs.memory_ceiling import SETTING, Growth, ceiling_mb
from core.runs.store import RunStore
from tests.patience import PATIENCE_S


def test_ceiling_is_a_share_of_the_machine_or_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SETTING, raising=False)
    monkeypatch.setattr(memory_ceiling, "machine_memory_mb", lambda: 16_000.0)
    assert ceiling_mb() == pytest.approx(11_200)
    monkeypatch.setattr(memory_ceiling, "machine_memory_mb", lambda: 1_000.0)
    assert ceiling_mb() == memory_ceiling.LEAST_MB
    monkeypatch.setenv(SETTING, "4000")
    assert ceiling_mb() == 4000
    for wrong in ("much", "nan", "-1", "10", "inf"):
        monkeypatch.setenv(SETTING, wrong)
        with pytest.raises(UserError, match=SETTING):
            ceiling_mb()


def test_growth_is_measured_from_the_least() -> None:
    growth = Growth()
    assert not growth.is_too_much(5000)
    assert not growth.is_too_much(1200)  # the larger model is gone
    assert not growth.is_too_much(2100)
    assert growth.is_too_much(2201)


GROWS = """
from itertools import count
from core.runs import worker

held_mb = count(1_000, 600)
worker.memory_mb = lambda: next(held_mb)
worker.main("train")
"""


@pytest.mark.thorough
def test_a_worker_that_grew_ends_between_two_runs(home: Path, tiny_folder: Path) -> None:
    store = RunStore()
    small = {"optimizer": {"steps": 1, "warmup_steps": 0}, "evaluation": {"examples": 1, "final_examples": 1}}  # fmt: skip
    runs = [
        store.submit(RunConfig.from_dict({"model": str(tiny_folder), "seed": seed, **small}))
        for seed in range(4)
    ]
    worker = subprocess.Popen([sys.executable, "-c", GROWS], stdin=subprocess.PIPE, cwd=ROOT)
    try:
        assert worker.wait(timeout=PATIENCE_S) == 0
    finally:
        worker.kill()
        assert worker.stdin
        worker.stdin.close()
    ended = [store.get(run.id).status for run in runs]
    assert ended == ["finished", "finished", "finished", "queued"]


TOO_LARGE = """
import threading, time
from core.runs import worker
from core.runs.store import RunStore

def fill():
    store = RunStore()
    while not any(run.worker for run in store.active()):
        time.sleep(0.05)
    ballast = b"x" * 1_600_000_000
    time.sleep(30)

threading.Thread(target=fill, daemon=True).start()
worker.main("train")
"""


@pytest.mark.thorough
def test_a_run_that_needs_too_much_is_failed_with_the_numbers(
    home: Path, tiny_folder: Path
) -> None:
    store = RunStore()
    run = store.submit(
        RunConfig.from_dict(
            {"model": str(tiny_folder), "optimizer": {"steps": 10_000, "warmup_steps": 0}}
        )
    )
    environment = os.environ | {SETTING: "1500", "TUNING_FORK_HOME": str(home)}
    worker = subprocess.Popen(
        [sys.executable, "-c", TOO_LARGE], env=environment, stdin=subprocess.PIPE
    )
    try:
        assert worker.wait(timeout=PATIENCE_S) == 0
    finally:
        worker.kill()
        assert worker.stdin
        worker.stdin.close()
    ended = store.get(run.id)
    assert ended.status == "failed"
    assert "one model process may use 1,500 MB here" in ended.reason
    assert ended.reason.endswith("Choose LoRA, a smaller batch size or shorter texts.")
