"""What a training worker holds from run to run."""

import json
import subprocess
import sys
from itertools import cycle, islice
from pathlib import Path

import pytest

from core.bench import memory
from core.bench.memory import MemoryGrowth, measure, picture, save
from core.cli.main import main
from core.config import METHODS
from core.stamp import Stamp
from core.typed_json import read


def growth(*held: float) -> MemoryGrowth:
    methods = tuple(islice(cycle(METHODS), len(held)))
    return MemoryGrowth(command="c", stamp=Stamp(), methods=methods, held_mb=held)


def test_growth_compares_rounds_of_the_same_methods() -> None:
    a_round = tuple(900.0 + 10 * n for n in range(len(METHODS)))
    steady = growth(*a_round * 4)
    assert steady.growth_mb == pytest.approx(0)
    n = 4 * len(METHODS)
    climbing = growth(*(900.0 + 20 * n for n in range(n)))
    assert climbing.growth_mb == pytest.approx(20 * len(METHODS))
    assert climbing.finding == (
        f"After {n} runs the training worker holds {880 + 20 * n:,} MB; "
        f"the last {n // 2} runs added {20 * len(METHODS)} MB"
    )


def test_record_and_picture(tmp_path: Path) -> None:
    found = growth(*[900.0 + 10 * n for n in range(len(METHODS))] * 4)
    save(found, tmp_path)
    assert json.loads((tmp_path / "memory.json").read_text())["growth_mb"] == 0
    assert picture(found).count("<circle") == 4 * len(METHODS)
    assert (tmp_path / "memory.svg").read_text() == picture(found)
    assert read(MemoryGrowth, json.loads((tmp_path / "memory.json").read_text())) == found


@pytest.mark.usefixtures("home")
def test_a_record_holds_enough_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "memory", "--runs", "30", "--record"]) == 2
    assert "100 runs" in capsys.readouterr().err


@pytest.mark.benchmark
@pytest.mark.slow
def test_runs_in_a_real_worker_are_measured() -> None:
    seen: list[str] = []
    found = measure(
        model="smollm2-135m-instruct",
        n_runs=2,
        command="",
        on_run=lambda number, method, held: seen.append(method),
    )
    assert seen == list(METHODS)[:2]
    assert found.n_workers == 1
    assert all(300 < held < 3000 for held in found.held_mb)


@pytest.mark.thorough
def test_a_worker_that_still_computes_is_waited_for() -> None:
    """It holds much, computes, and gives it back."""
    code = "a = bytearray(200_000_000); print(flush=True); sum(range(150_000_000)); del a; input()"
    worker = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert worker.stdout
    worker.stdout.readline()
    held = memory._idle_mb(worker)  # pyright: ignore[reportPrivateUsage]
    worker.communicate(b"\n")
    assert held < 100
