"""Verdicts from known times; and the whole measurement with real processes on a tiny real model."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from core.bench import contention, measure_contention
from core.bench.contention import CONDITIONS, Contention, Timed, finding, markdown, ratios
from core.quiet import Watch
from core.typed_json import read


def measured(two: float, *, asked: float = 1.2, rounds: int = 6, longest: float = 0) -> Contention:
    """Lone steps of 1, 1.1, 1.2, … s by the round, the others so many times as long."""
    timed: list[Timed] = []
    for number in range(rounds):
        usual = 1 + number / 10
        for condition, times in (
            ("alone", 1.0),
            ("two", two - 0.1),
            ("two", two),
            ("busy", 1.5),
            ("asked alone", 1.0),
            ("asked", asked),
        ):
            seconds = (usual * times,) * 3
            if longest and condition == "two" and not number:
                seconds += (longest,)
            timed.append(Timed(condition=condition, round=number, seconds=seconds))
    return Contention(command="c", model="m", threads=2, timed=tuple(timed))


def test_a_ratio_is_taken_within_a_round_and_the_slower_training_counts() -> None:
    two, busy, asked, longest = ratios(measured(2.0))
    assert (two.value, two.low, two.high) == pytest.approx((2.0, 2.0, 2.0))
    assert busy.value == pytest.approx(1.5)
    assert asked.value == pytest.approx(1.2)
    assert longest.value < 3
    assert finding(measured(2.0)).startswith("Two at once take turns")


@pytest.mark.parametrize(
    ("found", "verdicts"),
    [
        (measured(2.0), ["met", "", "met", "met"]),
        (measured(2.2), ["missed", "", "met", "met"]),
        (measured(2.0, asked=1.6), ["met", "", "missed", "met"]),
        (measured(2.0, longest=11.0), ["met", "", "met", "missed"]),
        (measured(9.0, rounds=5), ["not decided: too few rounds", "", *["not decided: too few rounds"] * 2]),
    ],
)  # fmt: skip
def test_verdicts(found: Contention, verdicts: list[str]) -> None:
    assert [ratio.verdict for ratio in ratios(found)] == verdicts
    assert ("Too slow" in finding(found)) == ("missed" in verdicts)


def test_an_interval_around_the_aim_decides_nothing() -> None:
    mixed = [*measured(2.0, rounds=6).timed, *measured(2.3, rounds=6).timed]
    timed = [
        Timed(condition=one.condition, round=one.round + 6 * (n >= 36), seconds=one.seconds)
        for n, one in enumerate(mixed)
    ]
    (two, *_) = ratios(Contention(command="c", model="m", threads=2, timed=tuple(timed)))
    assert two.low < 2.1 < two.high
    assert two.verdict == "not decided"


def test_only_steps_while_both_train_count() -> None:
    assert measure_contention._gaps([1.0, 2.0, 4.0, 5.0, 9.0], (2.0, 5.0)) == [2.0, 1.0]
    assert measure_contention._gaps([1.0, 2.0, 4.0]) == [1.0, 2.0]


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    found = measured(2.0)
    contention.save(found, tmp_path)
    assert read(Contention, json.loads((tmp_path / "contention.json").read_text("utf-8"))) == found
    assert (tmp_path / "contention.md").read_text("utf-8") == markdown(found)


@pytest.mark.proof
@pytest.mark.thorough
@pytest.mark.usefixtures("home")
def test_every_condition_is_measured(
    roomy: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measure_contention, "STEPS", 4)
    said: list[str] = []
    watch = Watch(wait=lambda s: None)
    found = measure_contention.measure(
        model=roomy, command="c", watch=watch, rounds=1, on_progress=said.append
    )
    assert {one.condition for one in found.timed} == CONDITIONS.keys()
    assert all(0 < s < 60 for one in found.timed for s in one.seconds)
    assert [len(found.rounds(c)[1][0].seconds) for c in ("alone", "busy")] == [3, 3]
    asked = found.rounds("asked")[1][0]
    assert asked.first_s is not None
    assert 0 < asked.first_s <= asked.seconds[0]
    assert found.stamp.device == "cpu"
    assert len(said) == 2
    assert [ratio.at_most for ratio in ratios(found)] == [2.1, None, 1.5, 3.0]
    assert asdict(found)["threads"] >= 1


def test_the_headline_gives_both_ratios_with_their_intervals() -> None:
    found = measured(2.0, asked=1.25)
    two, _, asked, _ = ratios(found)
    said = contention.headline(found)
    for row in (two, asked):
        assert f"{row.value:.2f} times as long as alone ({row.low:.2f} to {row.high:.2f})" in said
    assert contention.headline(Contention(command="c", model="m", threads=2, timed=())) == (
        "Nothing was measured"
    )
