"""Medians, ratios, equality and the record, from measurements written by hand."""

from pathlib import Path
from typing import Any

import pytest

from core.bench.findings import (
    comparisons,
    failures,
    final_loss,
    finding,
    step_s,
    summaries,
    utilisation,
)
from core.bench.markdown import markdown
from core.bench.report import Measured, Report, from_json, save, to_json
from core.errors import UserError


def measured(side: str, seed: int, seconds: float, loss: float, **more: Any) -> Measured:
    values: dict[str, Any] = {
        "workload": "lora8",
        "setting": "float32",
        "batch_size": 8,
        "step_s": (9.0, seconds, seconds, 3 * seconds),
        "losses": (3.0, 2.0, loss, loss, loss),
        "peak_memory_mb": 500.0 if side == "ours" else 1000.0,
        "score": 0.9,
        "n_scored": 10,
    }
    return Measured(**{**values, **more}, side=side, seed=seed)


def report(*extra: Measured, **more: Any) -> Report:
    usual: dict[str, Any] = {
        "command": "python -m core bench",
        "machine": "A machine",
        "date": "2026-01-01",
        "versions": {"torch": "2"},
        "threads": 2,
        "gflops": {"float32": 100.0, "bfloat16": 50.0},
        "trials": {"trainer lora8": {"float32 sdpa": 1.0}},
        "measured": (
            measured("ours", 0, 0.5, 0.100, needed_flops=20e9),
            measured("trainer", 0, 2.0, 0.101),
            measured("sft", 0, 4.0, 0.100),
            measured("ours", 1, 1.0, 0.200, needed_flops=20e9),
            measured("trainer", 1, 4.0, 0.200),
            *extra,
        ),
        "growth": ({"axis": "rank", "value": 8, "step_s": 0.5, "tokens": 9},),
    }
    return Report(**{**usual, **more})


def test_medians_leave_warm_up_out() -> None:
    assert step_s(measured("ours", 0, 0.5, 0.1)) == 0.5
    assert step_s(Measured(workload="full", side="ours", seed=0, step_s=(1.0,))) == 1.0
    assert final_loss(measured("ours", 0, 0.5, 0.1)) == pytest.approx(0.1)


def test_ours_stands_against_the_fastest_other() -> None:
    (found,) = comparisons(report())
    assert found.other.side == "trainer"
    assert found.speed_up == pytest.approx(12 / 3)  # medians of 16 and 8, of 4 and 2
    assert (found.ours.low, found.ours.high) == (8, 16)
    assert found.memory_share == 0.5
    assert found.loss_gap == pytest.approx(0.001 / 0.101)
    assert found.score_gap == 0
    assert finding(report()) == (
        "LoRA r=8 on reviews, batch 8: 4.0 times as fast as the better of Trainer + peft and "
        "TRL SFTTrainer"
    )


def test_the_finding_names_no_side_that_was_not_measured() -> None:
    without_sft = tuple(m for m in report().measured if m.side != "sft")
    assert finding(report(measured=without_sft)) == (
        "LoRA r=8 on reviews, batch 8: 4.0 times as fast as Trainer + peft"
    )
    more: dict[str, Any] = {"workload": "full"}
    partly = report(measured("ours", 0, 1.0, 0.1, **more), measured("trainer", 0, 3.0, 0.1, **more))
    assert finding(partly) == (
        "3.0 to 4.0 times as many examples per second as the fastest other side of each row that "
        "could be measured"
    )


def test_utilisation_is_need_over_time_and_peak() -> None:
    assert utilisation(report(), "lora8") == pytest.approx((0.4 + 0.2) / 2)
    assert utilisation(report(gflops={}), "lora8") is None


def test_a_side_that_failed_is_said_in_words() -> None:
    broken = Measured(workload="full", side="sft", seed=0, reason="no such package")
    found = report(broken)
    assert failures(found, "full") == {"sft": "no such package"}
    assert summaries(found, "full") == {}
    text = markdown(found)
    assert "failed: no such package" in text
    assert "**4.0 ×** (aim 8)" in text
    assert "| rank | 8 | 0.500 |" in text


def test_answers_are_compared() -> None:
    more: dict[str, Any] = {"workload": "answer", "losses": (), "score": None}
    found = report(
        measured("ours", 0, 1.0, 0, **more, answers=(1, 2, 3, 4)),
        measured("generate", 0, 3.0, 0, **more, answers=(1, 2, 3, 5)),
    )
    answered = comparisons(found)[-1]
    assert answered.same_answers == 0.75
    assert answered.loss_gap is None


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    found = report()
    assert from_json(to_json(found)) == found
    save(found, tmp_path / "new" / "bench.json")
    assert from_json((tmp_path / "new" / "bench.json").read_text("utf-8")) == found
    with pytest.raises(UserError, match="cannot be written"):
        save(found, tmp_path / "new" / "bench.json" / "below")
    assert finding(report(measured=())) == "Nothing was compared yet"
