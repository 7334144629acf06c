"""When tuning pays: the arithmetic, its edges, and the advice that follows from it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserError
from core.experiments.break_even import (
    BreakEven,
    Cost,
    Option,
    Reason,
    advise,
    break_even,
    pays_from,
)


def cost(each: float, *, once: float = 0.0, half: float = 0.0) -> Cost:
    return Cost(once=once, each=each, low=each - half, high=each + half)


def option(
    name: str, score: float, each: float, *, once: float = 0.0, labels: int = 4, half: float = 0.1
) -> Option:
    return Option(
        name=name,
        is_tuned=once > 0,
        labels=labels,
        score=score,
        interval=(score - half, score + half),
        seeds=(score - 0.05, score + 0.05),
        cost=cost(each, once=once),
    )


def test_it_pays_from_the_first_request_that_is_cheaper_in_total() -> None:
    tuned, asked = cost(0.5, once=10.0), cost(1.0)
    assert tuned.total(20) == asked.total(20)
    assert break_even(tuned, asked) == BreakEven(requests=21, earliest=21, latest=21)
    assert tuned.total(21) < asked.total(21)


@given(
    once=st.floats(0, 1e6),
    tuned=st.floats(1e-4, 1e3),
    asked=st.floats(1e-4, 1e3),
    requests=st.integers(1, 10**7),
)
def test_totals_agree_with_the_break_even_point(
    once: float, tuned: float, asked: float, requests: int
) -> None:
    found = break_even(cost(tuned, once=once), cost(asked))
    is_cheaper = requests * (asked - tuned) > once
    assert is_cheaper == (found.requests is not None and requests >= found.requests) or (
        abs(requests * (asked - tuned) - once) < 1e-6 * max(once, 1.0)
    )  # at the very point floats may round either way


@pytest.mark.parametrize("saved", [0.0, -0.5])
def test_it_never_pays_where_a_request_is_not_cheaper(saved: float) -> None:
    assert pays_from(1.0, saved) is None
    assert break_even(cost(1.0, once=1.0), cost(1.0 + saved)).requests is None


def test_it_pays_at_once_where_the_first_request_saves_more_than_training_took() -> None:
    assert pays_from(0.5, 0.6) == 1
    assert pays_from(0.0, 0.1) == 1
    assert pays_from(0.0, 0.0) is None


def test_intervals_may_leave_open_whether_it_ever_pays() -> None:
    found = break_even(cost(1.0, once=10.0, half=0.2), cost(1.1, half=0.2))
    assert found.requests in (100, 101)  # 10 / 0.1 in floats
    assert found.earliest == 21
    assert found.latest is None
    never = break_even(cost(2.0, once=10.0, half=0.2), cost(1.0, half=0.2))
    assert (never.requests, never.earliest, never.latest) == (None, None, None)


CHEAP, SHOT = option("zero", 0.1, 0.05, labels=0), option("eight", 0.7, 1.0, labels=8)
TUNED = option("lora", 0.9, 0.1, once=90.0, labels=64)


def test_advice_is_the_cheapest_that_is_good_enough() -> None:
    few = advise([CHEAP, SHOT, TUNED], needed=0.6, requests=50, labels=64)
    assert (few.reason, few.choice, few.rival) == (Reason.CHEAPER, SHOT, TUNED)
    many = advise([CHEAP, SHOT, TUNED], needed=0.6, requests=500, labels=64)
    assert (many.choice, many.rival) == (TUNED, SHOT)
    assert many.total == pytest.approx(140)
    assert many.rival_total == pytest.approx(500)
    assert many.break_even is not None
    assert many.break_even.requests == 101


def test_advice_says_where_only_one_kind_or_none_is_good_enough() -> None:
    only = advise([CHEAP, SHOT, TUNED], needed=0.8, requests=1, labels=64)
    assert (only.reason, only.choice, only.rival) == (Reason.ONLY_TUNING, TUNED, None)
    assert only.is_score_sure
    lucky = replace(TUNED, seeds=(0.7, 1.0, 1.0))
    assert not advise([lucky], needed=0.8, requests=1, labels=64).is_score_sure
    poor = advise([CHEAP, SHOT, TUNED], needed=0.6, requests=10**6, labels=10)
    assert (poor.reason, poor.choice) == (Reason.ONLY_PROMPTING, SHOT)
    none = advise([CHEAP, SHOT, TUNED], needed=0.95, requests=1, labels=64)
    assert (none.reason, none.choice) == (Reason.NONE_GOOD_ENOUGH, TUNED)
    assert not none.is_score_sure  # its interval reaches 1.0
    with pytest.raises(UserError, match="0 labelled examples or fewer"):
        advise([SHOT, TUNED], needed=0.5, requests=1, labels=0)
