"""The command bench: real processes on a tiny model, and how it refuses."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from core.bench import compare
from core.bench.report import from_json
from core.bench.workloads import WORKLOADS
from core.cli.main import main


@pytest.mark.slow
@pytest.mark.timeout(240)
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
    assert "times as fast as Trainer + peft." in text


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
    report = compare.measure(chosen, model="m", command="c", seeds=[4, 5])
    assert [row[:2] for row in asked[:6]] == [
        ("lora8", side) for side in ("ours", "trainer", "sft") * 2
    ]
    seeds = [row[row.index("--seed") + 1] for row in asked[:6]]
    assert seeds == ["4", "4", "4", "5", "5", "5"]
    # batch 16 takes what the trials of batch 8 chose
    assert all("trainer's best" in row for row in asked if row[1] == "trainer")
    assert {m.reason for m in report.measured if m.side == "sft"} == {"it broke"}
    assert report.ready_s == (3.0, 3.0, 3.0)


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
