"""The command bench: real processes on a tiny model, and how it refuses."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import quiet
from core.bench import compare
from core.bench.report import from_json
from core.bench.workloads import WORKLOADS
from core.cli import timing
from core.cli.main import main
from tests.watches import BUSY, QUIET, watch


@pytest.mark.benchmark
@pytest.mark.slow
def test_sides_take_turns_and_the_report_is_written(
    home: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["bench", "--only", "lora8", "--sides", "ours,trainer", "--quick", "--steps", "3"]
    folder = home / "out"
    assert main([*command, "--model", str(tiny_folder), "--out", str(folder)]) == 0
    report = from_json((folder / "bench.json").read_text("utf-8"))
    assert [m.side for m in report.measured] == ["ours", "trainer"]
    assert all(m.first_loss_s > 0 and len(m.step_s) == 3 for m in report.measured)
    ours, other = report.measured
    assert other.losses == pytest.approx(ours.losses, rel=0.02)
    assert report.gflops["float32"] > 0
    assert report.command.startswith("python -m core bench --only lora8 --sides ours,trainer")
    text = (folder / "bench.md").read_text("utf-8")
    assert capsys.readouterr().out.strip() == text.strip()
    assert {(m.device, m.dtype) for m in report.measured} == {
        (report.stamp.device, report.stamp.dtype)
    }
    assert report.stamp.quiet.during is not None
    assert "Trainer + peft" in text


def test_sides_of_all_seeds_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def answer(side: str, workload: str, *options: str) -> tuple[dict[str, Any], float]:
        if "--trial" in options:
            return {"setting": f"{side}'s best", "tried": {}}, 0.0
        if workload in WORKLOADS:
            asked.append((workload, side, *options))
        if side == "sft":
            return {"event": "failed", "reason": "it broke"}, 0.0
        return {"step_s": [1.0], "losses": [1.0], "setting": "x"}, 2.5

    monkeypatch.setattr(compare, "run_side", answer)
    monkeypatch.setattr(compare, "worker_ready_s", lambda: 3.0)
    chosen = [WORKLOADS["lora8"], WORKLOADS["lora16"]]
    report = compare.measure(
        chosen, model="m", command="c", seeds=[4, 5], watch=quiet.Watch(wait=lambda seconds: None)
    )
    assert [row[:2] for row in asked[:6]] == [
        ("lora8", side) for side in ("ours", "trainer", "sft") * 2
    ]
    seeds = [row[row.index("--seed") + 1] for row in asked[:6]]
    assert seeds == ["4", "4", "4", "5", "5", "5"]
    # batch 16 takes what the trials of batch 8 chose
    assert all("trainer's best" in row for row in asked if row[1] == "trainer")
    assert {m.reason for m in report.measured if m.side == "sft"} == {"it broke"}
    assert report.ready_s == (3.0, 3.0, 3.0)
    assert all(row[row.index("--dtype") + 1] == "auto" for row in asked)


@pytest.fixture
def sides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Sides that answer at once, and a folder for the record; change an entry to change an answer."""
    found: dict[str, Any] = {
        "devices": {},
        "seconds": {"ours": 1.0, "trainer": 5.0, "sft": 6.0},
        "folder": tmp_path / "recorded",
        "n": 0,
    }

    def answer(side: str, workload: str, *options: str) -> tuple[dict[str, Any], float]:
        if workload == "peak":
            return {
                "gflops": {"float32": 9.0},
                "threads": 2,
                "device": "cpu",
                "dtype": "float32",
            }, 0
        if workload not in WORKLOADS:
            return {}, 0
        if "--trial" in options:
            return {"setting": "float32 sdpa", "tried": {"float32 sdpa": 1.0}}, 0
        found["n"] += 1
        assert options[options.index("--dtype") + 1] == "float32"
        return {
            "step_s": [found["seconds"][side]] * 9,
            "losses": [1.0] * 9,
            "peak_memory_mb": 100.0,
            "setting": "float32 sdpa",
            "dtype": "float32",
            "device": found["devices"].get(side, "cpu"),
        }, 0

    monkeypatch.setattr(compare, "run_side", answer)
    monkeypatch.setattr(compare, "worker_ready_s", lambda: 3.0)
    monkeypatch.setattr(timing.acquire, "is_ready", lambda model: True)
    monkeypatch.setattr(timing, "FOLDER", found["folder"])
    return found


RECORD = ["bench", "--only", "lora8", "--record"]


def test_a_quiet_machine_is_recorded_with_all_that_matters(
    sides: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(timing, "Watch", watch)
    assert main(RECORD) == 0
    report = from_json((sides["folder"] / "bench.json").read_text("utf-8"))
    stamp = report.stamp
    assert (stamp.dtype, stamp.device, stamp.disturbed) == ("float32", "cpu", ())
    assert stamp.versions["torch"]
    assert stamp.quiet.before is not None
    assert stamp.quiet.during is not None
    assert {(m.device, m.dtype) for m in report.measured} == {("cpu", "float32")}
    assert "Disturbed" not in capsys.readouterr().out


def test_recording_refuses_a_busy_machine_before_it_measures(
    sides: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(timing, "Watch", lambda: watch(BUSY))
    assert main(RECORD) == 2
    said = capsys.readouterr().err
    assert "Nothing was recorded. Other programs used 50 % of the processors" in said
    assert "--out FOLDER without --record writes the report marked as disturbed" in said
    assert sides["n"] == 0
    assert not sides["folder"].exists()


def test_recording_refuses_a_machine_that_became_busy_but_writes_a_marked_report(
    sides: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(timing, "Watch", lambda: watch(QUIET, *[BUSY] * 20))
    assert main([*RECORD, "--out", str(tmp_path / "out")]) == 2
    assert "processors while measuring (at most 5 %)" in capsys.readouterr().err
    assert not sides["folder"].exists()
    report = from_json((tmp_path / "out" / "bench.json").read_text("utf-8"))
    assert report.stamp.disturbed
    assert "**Disturbed.**" in (tmp_path / "out" / "bench.md").read_text("utf-8")


def test_recording_refuses_baselines_that_vary(
    sides: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(timing, "Watch", watch)
    seconds = iter((1.0, 5.0, 6.0, 1.0, 6.5, 6.0, 1.0, 5.0, 6.0))
    monkeypatch.setitem(sides, "seconds", _Each(seconds))
    assert main(RECORD) == 2
    assert "Processes of the same baseline differed by up to 23 %" in capsys.readouterr().err
    assert not sides["folder"].exists()


class _Each(dict[str, float]):
    """Gives the next number, whoever asks."""

    def __init__(self, numbers: Iterator[float]) -> None:
        super().__init__()
        self.numbers = numbers

    def __getitem__(self, side: str) -> float:
        return next(self.numbers)


def test_recording_wants_more_than_one_process(
    sides: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(timing, "Watch", watch)
    assert main([*RECORD, "--seeds", "0"]) == 2
    assert "Measured in one process only: Trainer + peft" in capsys.readouterr().err


def test_a_plain_measurement_runs_on_a_busy_machine_and_says_so(
    sides: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(timing, "Watch", lambda: watch(*[BUSY] * 20))
    assert main(["bench", "--only", "lora8"]) == 0
    printed = capsys.readouterr()
    assert "disturbed: Other programs used 50 %" in printed.err
    assert "On a disturbed machine: " in printed.out
    monkeypatch.setattr(timing, "Watch", lambda: watch(*[BUSY] * 20))
    assert main(["bench", "--only", "lora8", "--json"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["disturbed"] == list(last["stamp"]["disturbed"]) != []


def test_a_side_on_another_device_ends_the_measurement(
    sides: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(timing, "Watch", watch)
    sides["devices"] = {"ours": "cuda:0"}
    assert main(["bench", "--only", "lora8"]) == 2
    said = capsys.readouterr().err
    assert "ours on lora8 was measured with device cuda:0, trainer on lora8 with device cpu" in said
    assert sides["n"] == 2


@pytest.mark.parametrize(
    ("environment", "given"),
    [
        ({}, {"CUDA_VISIBLE_DEVICES": "0"}),
        ({"CUDA_VISIBLE_DEVICES": "3,5"}, {"CUDA_VISIBLE_DEVICES": "3"}),
        ({"CUDA_VISIBLE_DEVICES": ""}, {}),
        ({"TUNING_FORK_DEVICE": "cpu"}, {}),
        (
            {"TUNING_FORK_DEVICE": "cuda:1", "CUDA_VISIBLE_DEVICES": "3,5"},
            {"TUNING_FORK_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": "5"},
        ),
        (
            {"TUNING_FORK_DEVICE": "cuda:2"},
            {"TUNING_FORK_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": "2"},
        ),
    ],
)
def test_every_side_sees_the_same_single_gpu(
    environment: dict[str, str], given: dict[str, str]
) -> None:
    assert compare.one_gpu(environment) == given


@pytest.mark.thorough
def test_a_process_that_dies_is_said_in_words() -> None:
    found, _ = compare.run_side("ours", "nosuch")
    assert found["event"] == "failed"
    assert "nosuch" in found["reason"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "tea"], "The workload"),
        (["--sides", "axolotl"], "The side"),
        (["--seeds", "one"], "--seeds wants whole numbers"),
        (["--repeats", "0"], "--repeats"),
        ([], "not prepared"),
    ],
)
def test_mistakes_are_one_line(
    home: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *arguments, "--json"]) == 2
    printed = capsys.readouterr()
    assert words in json.loads(printed.out)["reason"]
    assert printed.err.count(os.linesep) == 1
