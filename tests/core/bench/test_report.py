"""Medians, ratios, equality and the record, from measurements written by hand."""

from pathlib import Path
from typing import Any

import pytest

from core.bench.growth import NOT_DECIDED, growth_finding
from core.bench.markdown import markdown
from core.bench.report import (
    ELSEWHERE,
    Growth,
    Measured,
    Report,
    from_json,
    recorded,
    save,
    to_json,
)
from core.bench.speedups import (
    comparisons,
    disturbances,
    equal_words,
    finding,
    left_out,
    measured_once,
    utilisation,
)
from core.bench.summaries import failures, final_loss, step_s, summaries
from core.errors import UserError
from core.quiet import Load, Quietness
from core.stamp import Stamp


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
        "threads": 2,
        "gflops": {"float32": 100.0, "bfloat16": 50.0},
        "trials": {"trainer lora8": {"float32 sdpa": 1.0}},
        "measured": (
            measured("ours", 0, 0.5, 0.100, needed_flops=20e9),
            measured("trainer", 0, 2.0, 0.101),
            measured("sft", 0, 4.0, 0.100),
            measured("ours", 1, 0.53125, 0.200, needed_flops=20e9),
            measured("trainer", 1, 2.125, 0.200),
            *extra,
        ),
        "growth": (Growth(axis="rank", value=8, step_s=0.5, tokens=9),),
        "stamp": Stamp(dtype="float32", device="cpu", versions={"torch": "2"}),
    }
    return Report(**{**usual, **more})


def test_medians_leave_warm_up_out() -> None:
    assert step_s(measured("ours", 0, 0.5, 0.1)) == 0.5
    assert step_s(Measured(workload="full", side="ours", seed=0, step_s=(1.0,))) == 1.0
    assert final_loss(measured("ours", 0, 0.5, 0.1)) == pytest.approx(0.1)


def test_ours_stands_against_the_fastest_other() -> None:
    (found,) = comparisons(report())
    assert found.other.side == "trainer"
    ours, other = (8 / 0.5 + 8 / 0.53125) / 2, (8 / 2.0 + 8 / 2.125) / 2
    assert found.speed_up == pytest.approx(ours / other)
    assert (found.ours.low, found.ours.high) == pytest.approx((8 / 0.53125, 16))
    assert found.marks == ()
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
    partly = report(measured("ours", 0, 1.0, 0.1, **more), measured("trainer", 0, 5.0, 0.1, **more))
    assert finding(partly) == (
        "4.0 to 5.0 times as many examples per second as the fastest other side of each row that "
        "could be measured"
    )


def test_utilisation_is_need_over_time_and_peak() -> None:
    assert utilisation(report(), "lora8") == pytest.approx(0.2 * (1 / 0.5 + 1 / 0.53125) / 2)
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


def losing(gap: float) -> Report:
    """Trained on `full`, where our final loss differs by `gap` from the best baseline's."""
    more: dict[str, Any] = {"workload": "full"}
    return report(
        measured("ours", 0, 1.0, 0.1 * (1 + gap), **more), measured("trainer", 0, 9.0, 0.1, **more)
    )


def test_a_row_that_learned_otherwise_is_marked_and_left_out_of_the_headline() -> None:
    near, far = losing(0.019), losing(0.058)
    assert "9.0 times" in finding(near)
    assert left_out(near) == []
    assert finding(far) == (
        "LoRA r=8 on reviews, batch 8: 4.0 times as fast as the better of Trainer + peft and "
        "TRL SFTTrainer"
    )
    assert left_out(far) == [
        "“Full fine-tuning on reviews, batch 8” (9.0 times) is left out of the headline: its final "
        "losses differ by up to 5.8 % from those of Trainer + peft, more than 2 %."
    ]
    assert "its final losses differ by up to 5.8 %" in markdown(far)


def test_every_baseline_counts_for_equal_learning_not_the_fastest_alone() -> None:
    more: dict[str, Any] = {"workload": "full"}
    found = report(
        measured("ours", 0, 1.0, 0.1, **more),
        measured("trainer", 0, 9.0, 0.1, **more),
        measured("sft", 0, 12.0, 0.2, **more),
    )
    (_, row) = comparisons(found)
    assert row.other.side == "trainer"
    assert (row.loss_gap, row.gap_to) == (pytest.approx(0.5), "sft")
    assert row.marks


def test_equal_learning_is_said_from_the_losses() -> None:
    assert equal_words(losing(0.058)) == (
        "Final losses of the same seed lie within 2 % of every baseline’s on 1 of 2 trained rows; the "
        "largest gap is 5.8 %."
    )
    assert "on all 2 trained rows; the largest gap is 1.9 %" in equal_words(losing(0.019))
    assert "up to 2 %" not in markdown(losing(0.058))
    assert equal_words(report(measured=())) == ""


def test_no_speed_is_claimed_while_speeds_overlap() -> None:
    found = report(
        measured=(
            measured("ours", 0, 1.0, 0.1),
            measured("ours", 1, 2.0, 0.1),
            measured("trainer", 0, 1.9, 0.1),
            measured("trainer", 1, 2.0, 0.1),
        )
    )
    (row,) = comparisons(found)
    assert row.speed_up > 1
    assert row.marks == ("the speeds of both sides overlap",)
    assert finding(found) == "No row allows a comparison: each is marked with the reason"


def test_one_process_has_the_interval_of_its_steps() -> None:
    steps = (9.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)
    found = summaries(report(measured=(measured("ours", 0, 1.0, 0.1, step_s=steps),)), "lora8")[
        "ours"
    ]
    assert (found.low, found.high) == (1.0, 4.0)  # 8 examples in 8 and 2 s: nine steps but the ends
    assert found.spread is None


def test_a_baseline_held_back_by_the_common_precision_is_said() -> None:
    trials = {"trainer lora8": {"float32 sdpa": 1.0, "autocast sdpa": 0.8}}
    (row,) = comparisons(report(trials=trials))
    assert row.marks == ("Trainer + peft was faster with bfloat16",)
    trials["trainer lora8"]["autocast sdpa"] = 0.95  # within what trials vary
    assert comparisons(report(trials=trials))[0].marks == ()


def test_a_spread_of_the_baselines_is_a_disturbance() -> None:
    assert disturbances(report()) == []
    found = report(measured("trainer", 2, 2.5, 0.1), measured("ours", 2, 0.5, 0.1))
    assert disturbances(found) == [
        "Processes of the same baseline differed by up to 21 % in speed (Trainer + peft on “LoRA r=8 "
        "on reviews, batch 8”; at most 10 %)."
    ]
    assert finding(found).startswith("On a disturbed machine: LoRA r=8")
    assert "**Disturbed.** Processes" in markdown(found)
    assert measured_once(report()) == (
        "Measured in one process only: TRL SFTTrainer on “LoRA r=8 on reviews, batch 8”; take two or "
        "more with --repeats 2."
    )


@pytest.mark.parametrize(
    ("name", "a", "b"), [("device", "cuda:0", "cpu"), ("dtype", "bfloat16", "float32")]
)
def test_sides_on_two_devices_or_in_two_precisions_are_refused(name: str, a: str, b: str) -> None:
    rows = (
        measured("ours", 0, 1.0, 0.1, **{name: a}),
        measured("trainer", 0, 9.0, 0.1, **{name: b}),
    )
    with pytest.raises(UserError, match="cannot stand in one record"):
        report(measured=rows)


def point(
    value: float, step_s: float, low: float | None = None, high: float | None = None
) -> Growth:
    return Growth(axis="rank", value=value, step_s=step_s, low=low, high=high, tokens=9)


def test_growth_is_a_finding_only_where_intervals_part() -> None:
    noisy = [
        point(1, 0.477, 0.40, 0.60),
        point(8, 0.338, 0.30, 0.50),
        point(256, 0.405, 0.30, 0.55),
    ]
    assert growth_finding("rank", noisy) == NOT_DECIDED
    parted = [point(1, 0.2, 0.18, 0.22), point(32, 1.0, 0.9, 1.1)]
    assert (
        growth_finding("batch_size", parted) == "32 times as much: 5.0 times the time (4.1 to 6.1)"
    )
    shared = [point(0.0, 2.0, 1.9, 2.125), point(0.9, 0.5, 0.4, 0.6)]
    assert growth_finding("shared", shared) == (
        "With 90 % shared, a step takes 25 % of the time (19 to 32)"
    )
    old = [point(1, 0.477), point(256, 0.405)]
    assert growth_finding("rank", old) == "Too few steps were timed to tell a difference from noise"


def test_the_shipped_records_name_their_disturbance_and_what_is_not_known() -> None:
    found, earlier = recorded(), recorded(ELSEWHERE)
    assert found is not None
    assert earlier is not None
    assert "Not known" not in found.where
    assert found.machine != earlier.machine
    baseline = "Processes of the same baseline differed by up to "
    assert all(said.startswith(baseline) for said in disturbances(found))
    assert "A neighbour was busy" in disturbances(earlier)[0]
    assert "Not known: precision, device, processor features, commit, load." in earlier.where
    for one in (found, earlier):
        assert finding(one).startswith("On a disturbed machine: ") == bool(disturbances(one))
        gaps = {c.workload.id: c.loss_gap for c in comparisons(one)}
        marked = {c.workload.id for c in comparisons(one) if c.marks}
        assert marked == {name for name, gap in gaps.items() if gap is not None and gap > 0.02}
    assert recorded("bench-nowhere") is None


def test_a_record_says_in_which_precision_it_was_made() -> None:
    """Records of both precisions bear one machine's name; the line tells them apart."""
    quiet = Load(seconds=5.0, others=0.0, steal=0.0, load=0.0)
    lines = {
        report(
            stamp=Stamp(dtype=dtype, device="cpu", quiet=Quietness(before=quiet, during=quiet))
        ).where
        for dtype in ("float32", "bfloat16")
    }
    assert len(lines) == 2
