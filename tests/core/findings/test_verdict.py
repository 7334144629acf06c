"""The rule, on planted figures: what is shown, what is contradicted, and what stays open."""

import pytest

from core.findings.evidence import Evidence, Reading, seed_half_width
from core.findings.verdict import (
    ABOVE,
    EQUAL,
    MARGIN,
    NO_WORSE,
    Verdict,
    difference,
    of_all,
    of_part,
)

HOLDS, PARTLY, NOT_HERE, NOT_DECIDED, NOT_RECORDED = Verdict


def side(*values: float, half: float = 0.05, identity: str = "code", title: str = "a") -> Evidence:
    readings = tuple(
        Reading(value=v, interval=(v - half, v + half), identity=identity) for v in values
    )
    return Evidence(title=title, readings=readings, n_wanted=3)


HIGH, SAME, LOW = (0.9, 0.91, 0.92), (0.9, 0.9, 0.91), (0.3, 0.31, 0.32)


@pytest.mark.parametrize(
    ("first", "relation", "second", "wanted"),
    [
        (HIGH, ABOVE, LOW, HOLDS),
        (LOW, ABOVE, HIGH, NOT_HERE),
        (HIGH, ABOVE, SAME, NOT_HERE),  # the same, as far as 0.15 goes
        (HIGH, NO_WORSE, SAME, HOLDS),
        (HIGH, NO_WORSE, LOW, HOLDS),
        (LOW, NO_WORSE, HIGH, NOT_HERE),
        (HIGH, EQUAL, SAME, HOLDS),
        (HIGH, EQUAL, LOW, NOT_HERE),
        (LOW, EQUAL, HIGH, NOT_HERE),
    ],
)
def test_what_the_figures_show(
    first: tuple[float, ...], relation: str, second: tuple[float, ...], wanted: Verdict
) -> None:
    verdict, why = of_part(side(*first), side(*second, title="b"), relation)
    assert verdict is wanted, why


@pytest.mark.parametrize("relation", [ABOVE, NO_WORSE, EQUAL])
def test_wide_intervals_decide_nothing(relation: str) -> None:
    """By their test examples, or by seeds that lie far apart."""
    few_examples = side(0.6, 0.6, 0.6, half=0.2), side(0.5, 0.5, 0.5, half=0.2)
    apart_seeds = side(0.3, 0.6, 0.9), side(0.2, 0.5, 0.8)
    for first, second in (few_examples, apart_seeds):
        assert of_part(first, second, relation)[0] is NOT_DECIDED
        assert of_part(second, first, relation)[0] is NOT_DECIDED


@pytest.mark.parametrize("relation", [ABOVE, NO_WORSE, EQUAL])
def test_few_seeds_decide_nothing_however_far_apart(relation: str) -> None:
    for first, second in ((side(0.9, 0.9), side(*LOW)), (side(*HIGH), side(0.3))):
        verdict, why = of_part(first, second, relation)
        assert verdict is NOT_DECIDED
        assert "Too few seeds" in why


def test_runs_of_different_code_are_not_compared() -> None:
    verdict, why = of_part(side(*HIGH), side(*LOW, identity="other"), ABOVE)
    assert verdict is NOT_DECIDED
    assert "different code" in why


def test_what_is_not_recorded_is_said_to_be() -> None:
    verdict, why = of_part(side(*HIGH), side(title="LoRA"), ABOVE)
    assert verdict is NOT_RECORDED
    assert why == "Not recorded yet: LoRA."


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ([HOLDS, HOLDS], HOLDS),
        ([HOLDS, NOT_HERE], PARTLY),
        ([HOLDS, NOT_DECIDED], PARTLY),
        ([NOT_DECIDED, NOT_HERE], NOT_HERE),
        ([NOT_DECIDED, NOT_DECIDED], NOT_DECIDED),
        ([NOT_RECORDED, NOT_RECORDED], NOT_RECORDED),
        ([HOLDS, NOT_RECORDED], NOT_DECIDED),  # none before all are there
        ([NOT_HERE, NOT_RECORDED], NOT_DECIDED),
    ],
)
def test_a_finding_of_several_parts(parts: list[Verdict], wanted: Verdict) -> None:
    assert of_all(parts) is wanted


def test_both_uncertainties_are_in_the_interval() -> None:
    from scipy.stats import t

    spread = 0.1 / 3**0.5 * t.ppf(0.975, 2)
    assert seed_half_width([0.5, 0.6, 0.7]) == pytest.approx(spread)
    alike = side(0.6, 0.6, 0.6, half=0.2)
    assert alike.interval == pytest.approx((0.4, 0.8))  # seeds add nothing, and take nothing away
    low, high = side(0.5, 0.6, 0.7, half=0.2).interval
    assert (low, high) == pytest.approx(
        (0.6 - (0.2**2 + spread**2) ** 0.5, 0.6 + (0.2**2 + spread**2) ** 0.5)
    )
    assert side(0.1, 0.9, 0.5).interval == (0.0, 1.0)  # a share
    assert difference(alike, alike) == pytest.approx((-0.2 * 2**0.5, 0.2 * 2**0.5))


def test_the_margin_is_what_48_examples_can_show() -> None:
    """Two perfect scores are as good as each other; at a half the intervals are wider than the margin."""
    from core.evaluate.uncertainty import wilson_interval

    low, high = wilson_interval(48, 48)
    assert (high - low) * 2**0.5 < MARGIN
    low, high = wilson_interval(24, 48)
    assert (high - low) / 2 * 2**0.5 > MARGIN
