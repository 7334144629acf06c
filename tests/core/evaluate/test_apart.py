"""When may a sentence state a difference? Only where intervals part."""

import numpy as np
import pytest

from core.evaluate.apart import are_apart, interval_words, mean_of_independent, runs_words
from core.evaluate.uncertainty import wilson_interval


def test_intervals_that_touch_are_not_apart() -> None:
    assert are_apart((0.1, 0.3), (0.31, 0.5))
    assert are_apart((0.31, 0.5), (0.1, 0.3))
    assert not are_apart((0.1, 0.3), (0.3, 0.5))
    assert not are_apart((0.1, 0.9), (0.3, 0.5))
    assert interval_words((0.1, 0.3), (0.4, 0.5)) == "the 95 % intervals do not overlap"
    assert interval_words((0.1, 0.4), (0.3, 0.5)).endswith("so neither is shown to be higher")


def test_the_interval_of_a_mean_covers_it_as_often_as_it_says() -> None:
    """Four tasks of 30 examples each, drawn anew 400 times: 95 % of the intervals hold the true mean."""
    rng, true = np.random.default_rng(0), np.array([0.05, 0.3, 0.6, 0.9])
    held = 0
    for _ in range(400):
        right = rng.binomial(30, true)
        low, high = mean_of_independent(
            list(right / 30), [wilson_interval(int(r), 30) for r in right]
        )
        held += low <= true.mean() <= high
    assert held / 400 == pytest.approx(0.95, abs=0.03)


def test_one_run_is_said_to_be_one() -> None:
    assert (runs_words(1), runs_words(3)) == ("one run", "3 runs")
