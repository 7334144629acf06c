"""The learning rate against values worked out by hand, and the order of the examples."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import SCHEDULES, OptimizerConfig
from core.train.batches import batches
from core.train.schedule import learning_rate


def rates(schedule: str, *, steps: int, warmup_steps: int) -> list[float]:
    """The rate of every step, in units of the peak."""
    config = OptimizerConfig(
        learning_rate=0.01, schedule=schedule, steps=steps, warmup_steps=warmup_steps
    )
    return [learning_rate(step, config) / 0.01 for step in range(1, steps + 1)]


@pytest.mark.parametrize(
    ("schedule", "steps", "warmup", "wanted"),
    [
        ("constant", 4, 0, [1, 1, 1, 1]),
        ("constant", 5, 4, [0.25, 0.5, 0.75, 1, 1]),
        ("linear", 4, 0, [0.8, 0.6, 0.4, 0.2]),
        ("linear", 5, 2, [0.5, 1, 0.75, 0.5, 0.25]),
        ("cosine", 3, 0, [0.8535533905932737, 0.5, 0.1464466094067262]),
        ("cosine", 4, 2, [0.5, 1, 0.75, 0.25]),
        ("linear", 3, 3, [1 / 3, 2 / 3, 1]),
        ("cosine", 2, 100, [0.5, 1]),  # warm-up is cut to the run
        ("linear", 1, 0, [0.5]),
        ("constant", 1, 5, [1]),
    ],
)
def test_rates_by_hand(schedule: str, steps: int, warmup: int, wanted: list[float]) -> None:
    assert rates(schedule, steps=steps, warmup_steps=warmup) == pytest.approx(wanted)


@pytest.mark.thorough
@given(st.sampled_from(SCHEDULES), st.integers(1, 60), st.integers(0, 80))
def test_rates_rise_then_fall_and_never_vanish(schedule: str, steps: int, warmup: int) -> None:
    found = rates(schedule, steps=steps, warmup_steps=warmup)
    assert 0 < min(found) <= max(found) <= 1 + 1e-12
    top = min(warmup, steps)
    assert found[:top] == sorted(found[:top])
    assert found[top:] == sorted(found[top:], reverse=True)


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 5))
def test_every_pair_once_before_any_again(n_pairs: int, size: int, seed: int) -> None:
    pairs = list(range(n_pairs))
    n_batches = -(-3 * n_pairs // size)  # enough for three epochs
    drawn = list(islice(batches(pairs, size, seed=seed), n_batches))
    assert {len(batch) for batch in drawn} == {size}
    order = [pair for batch in drawn for pair in batch]
    for epoch in range(3):
        assert sorted(order[epoch * n_pairs : (epoch + 1) * n_pairs]) == pairs


def test_the_order_comes_from_the_seed_and_changes_every_epoch() -> None:
    pairs = list(range(30))

    def order(seed: int) -> list[list[int]]:
        return list(islice(batches(pairs, 30, seed=seed), 3))

    assert order(1) == order(1)
    assert order(1) != order(2)
    first, second, third = order(1)
    assert len({tuple(first), tuple(second), tuple(third), tuple(pairs)}) == 4


def test_pairs_are_left_as_they_are() -> None:
    pairs = list(range(10))
    next(batches(pairs, 4, seed=0))
    assert pairs == list(range(10))
