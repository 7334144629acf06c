"""What the ablation says of measurements written by hand, and its command with processes that answer at once."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.bench import ablation
from core.bench.ablation import Ablation, Timed, differences, finding, from_json, gains, to_json
from core.bench.ablation_parts import ALL_ON, PARTS, WORKLOADS, variants
from core.cli import timing
from core.cli.main import main
from tests.watches import watch


def timed(part: str, seconds: list[float], *, workload: str = "lora", **more: Any) -> list[Timed]:
    return [
        Timed(workload=workload, part=part, round=number, seconds=one, **more)
        for number, one in enumerate(seconds, 1)
    ]


def made(*groups: list[Timed]) -> Ablation:
    return Ablation(
        command="c", model="m", threads=2, timed=tuple(one for group in groups for one in group)
    )


def test_a_gain_is_a_ratio_within_rounds() -> None:
    slow_minute = [1.0, 1.0, 9.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    found = made(timed(ALL_ON, slow_minute), timed("blocks", [1.3 * one for one in slow_minute]))
    (gain,) = gains(found)
    assert gain.part is PARTS["blocks"]
    assert (gain.ratio, gain.low, gain.high) == pytest.approx((1.3, 1.3, 1.3))
    assert gain.n == 9
    assert ablation.verdict([gain]) == "kept"
    assert finding(found) == (
        "“Block-sparse attention” gains most: with everything else on but without it, "
        "a LoRA step, batch 8 takes 1.30 times as long (1.30 to 1.30)"
    )


def test_a_part_inside_another_is_compared_without_that_other() -> None:
    found = made(timed(ALL_ON, [1.0] * 6), timed("layer", [2.0] * 6), timed("norm", [2.2] * 6))
    assert {g.part.id: round(g.ratio, 3) for g in gains(found)} == {"layer": 2.0, "norm": 1.1}


@pytest.mark.parametrize(
    ("part", "ratios", "verdict"),
    [
        ("row_attention", [1.02] * 9, "gains less than 10 %"),
        ("row_attention", [0.9] * 9, "gains less than 10 %"),
        ("row_attention", [1.0, 1.2] * 4, "not decided"),
        ("row_attention", [1.11] * 9, "kept"),
        ("near_ties", [0.98] * 9, "kept for exact answers"),
    ],
)
def test_a_verdict_wants_intervals_on_one_side(
    part: str, ratios: list[float], verdict: str
) -> None:
    workload = PARTS[part].workloads[0]
    on = timed(PARTS[part].against, [1.0] * len(ratios), workload=workload)
    found = gains(made(on, timed(part, ratios, workload=workload)))
    assert ablation.verdict(found) == verdict


def test_nothing_is_found_where_intervals_hold_one() -> None:
    found = made(timed(ALL_ON, [1.0] * 6), timed("blocks", [0.9, 1.3] * 3))
    assert finding(found) == "No part alone gains more than the noise"


def test_results_are_compared_round_by_round() -> None:
    found = made(
        timed(ALL_ON, [1.0], loss=2.0, grad_norm=1.0),
        timed("blocks", [1.0], loss=2.0, grad_norm=1.01),
        timed(ALL_ON, [1.0], workload="answer", answers=(1, 2)),
        timed("near_ties", [1.0], workload="answer", answers=(1, 3)),
    )
    assert differences(found) == pytest.approx({"lora": 0.01, "answer": 0.5})


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where records go; processes answer at once, and without a part it takes twice as long."""

    def follow(words: list[str], is_first: Any) -> tuple[dict[str, Any], float]:
        options = dict(zip(words[4::2], words[5::2], strict=True))
        names = [name for name in options.get("--parts", "").split(",") if name]
        compared = variants([PARTS[name] for name in names])
        rows = [
            {
                "workload": words[3],
                "part": name,
                "round": n,
                "seconds": 2.0 if name else 1.0,
                "loss": 1.0,
            }
            for n in range(1, int(options["--rounds"]) + 1)
            for name in compared
        ]
        more = {"dtype": "bfloat16", "device": "cpu", "threads": 2}
        return {"event": "done", "timed": rows, **more}, 0.0

    monkeypatch.setattr(ablation, "follow", follow)
    monkeypatch.setattr(timing.acquire, "is_ready", lambda model: True)
    monkeypatch.setattr(timing, "FOLDER", tmp_path / "recorded")
    return tmp_path / "recorded"


def test_a_quiet_machine_is_recorded_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(timing, "Watch", watch)
    assert main(["bench", "ablation", "--record"]) == 0
    text = (folder / "ablation.json").read_text("utf-8")
    found = from_json(text)
    assert to_json(found) == text
    assert found.command == "python -m core bench ablation"
    assert (found.stamp.dtype, found.stamp.disturbed) == ("bfloat16", ())
    measured = {(gain.part.id, gain.workload) for gain in gains(found)}
    assert measured == {(part.id, w) for part in PARTS.values() for w in part.workloads}
    assert (folder / "ablation.md").read_text("utf-8") == capsys.readouterr().out


@pytest.mark.parametrize("shares", [[1.0], [0.0] + [1.0] * 20], ids=["before", "while"])
def test_a_busy_machine_is_not_recorded(
    shares: list[float],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(timing, "Watch", lambda: watch(*shares))
    assert main(["bench", "ablation", "--record"]) == 2
    assert "Nothing was recorded. Other programs used 50 %" in capsys.readouterr().err
    assert not folder.exists()


def test_one_workload_and_one_part_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(timing, "Watch", watch)
    asked = ["bench", "ablation", "--only", "lora", "--parts", "norm", "--quick", "--json"]
    assert main(asked) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = [(row["type"], row.get("part"), row.get("n")) for row in rows]
    assert found == [("ablation", None, None), ("gain", "layer", 2), ("gain", "norm", 2)]
    assert not folder.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "tea"], "The workload"),
        (["--parts", "tea"], "The part"),
        (["--only", "lora", "--parts", "near_ties"], "None of these parts"),
        (["--record", "--quick"], "give --record by itself"),
        (["--rounds", "-1"], "--rounds"),
    ],
)
def test_mistakes_are_one_line(
    folder: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "ablation", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_process_that_fails_ends_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(timing, "Watch", watch)
    failed = {"event": "failed", "reason": "no memory"}
    monkeypatch.setattr(ablation, "follow", lambda words, is_first: (failed, 0.0))
    assert main(["bench", "ablation"]) == 2
    assert f"The ablation of {WORKLOADS['lora']} failed: no memory" in capsys.readouterr().err
