"""Comparing two models by the definitions, and thresholds on a label's probability against scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix_at_thresholds,
    precision_recall_fscore_support,
)

from core.errors import UserError
from core.evaluate.classification import (
    UNPARSED,
    classification_report,
    labels_among,
    macro_intervals,
)
from core.evaluate.paired import bootstrap, compare_paired, in_one_line, mcnemar
from core.evaluate.thresholds import (
    LabelRow,
    at_threshold,
    average_precision,
    likeliest_accuracy,
    precision_recall_curve,
    shares,
)
from core.evaluate.uncertainty import wilson_interval


@pytest.mark.thorough
@given(st.integers(0, 600), st.integers(0, 600))
def test_mcnemar_is_the_chance_of_so_uneven_a_split(only_first: int, only_second: int) -> None:
    n = only_first + only_second
    tail = sum(math.comb(n, k) for k in range(min(only_first, only_second) + 1))
    wanted = min(1.0, 2 * tail / 2**n)
    assert mcnemar(only_first, only_second) == pytest.approx(wanted, rel=1e-12, abs=1e-300)
    assert mcnemar(0, 0) == 1.0


def test_a_clear_difference_and_luck_are_told_apart() -> None:
    clear = compare_paired([0.0] * 20 + [1.0] * 20, [1.0] * 38 + [0.0] * 2)
    assert (clear.only_first, clear.only_second) == (2, 20)
    assert clear.is_clear
    assert "do not decide" not in in_one_line(clear, "A", "B")
    luck = compare_paired([1, 0, 1, 0], [0, 1, 1, 0])
    assert luck.p_value == 1.0
    assert luck.difference == 0
    assert "the examples do not decide" in in_one_line(luck, "A", "B")
    with pytest.raises(UserError, match="same examples"):
        compare_paired([1.0], [1.0, 0.0])


def test_scores_between_0_and_1_are_compared_by_bootstrap() -> None:
    first = [0.1, 0.2, 0.5, 0.4, 0.3] * 8
    found = compare_paired(first, [value + 0.2 for value in first])
    assert found.p_value is None
    assert found.interval == pytest.approx((0.2, 0.2))
    assert found.is_clear
    assert "leaves out 0" in in_one_line(found, "A", "B")


def test_bootstrap_is_near_the_normal_interval_and_repeats() -> None:
    values = [0.0, 1.0] * 100
    low, high = bootstrap(values, seed=1)
    assert (low, high) == bootstrap(values, seed=1)
    assert (low, high) == pytest.approx((0.431, 0.569), abs=0.012)


@pytest.mark.parametrize("n", [1, 2, 5, 6, 40, 301])
@pytest.mark.parametrize("seed", [0, 1])
def test_bootstrap_is_that_of_the_means_of_drawn_examples(n: int, seed: int) -> None:
    values = np.random.default_rng(n).choice([-1.0, -0.3, 0.0, 0.25, 1.0], size=n)
    rng = np.random.default_rng(seed)
    means = [values[rng.integers(0, n, size=(500, n))].mean(axis=1) for _ in range(20)]
    wanted = np.quantile(np.concatenate(means), [0.025, 0.975])
    assert bootstrap(values.tolist(), seed=seed) == pytest.approx(tuple(wanted), abs=1e-12)
    assert bootstrap([0.25] * n, seed=seed) == (0.25, 0.25)


CASES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans()), min_size=1
).filter(lambda rows: any(yes for _, yes in rows))


@pytest.mark.thorough
@settings(max_examples=500)
@given(CASES, st.floats(0, 1))
def test_curve_equals_scikit_learn(cases: list[tuple[float, bool]], threshold: float) -> None:
    probabilities, is_label = [p for p, _ in cases], [yes for _, yes in cases]
    here = at_threshold(probabilities, is_label, threshold)
    p, r, f, _ = precision_recall_fscore_support(
        is_label, [x >= threshold for x in probabilities], average="binary", zero_division=np.nan
    )
    assert (here.precision, here.recall, here.f1) == pytest.approx((p, r, f), abs=1e-9, nan_ok=True)
    curve = precision_recall_curve(probabilities, is_label)
    wanted = average_precision_score(is_label, probabilities)
    assert average_precision(curve) == pytest.approx(wanted, abs=1e-9)
    counts = [
        (x.true_negatives, x.false_positives, x.false_negatives, x.true_positives, x.threshold)
        for x in curve
    ]
    wanted_counts = confusion_matrix_at_thresholds(is_label, probabilities, pos_label=True)
    assert counts == list(zip(*wanted_counts, strict=True))
    recalls = [point.recall for point in curve]
    assert recalls == sorted(recalls)
    assert recalls[-1] == 1


def test_shares_sum_to_one_however_improbable_the_labels_are() -> None:
    found = shares({"yes": -1000.0, "no": -1001.0})
    assert sum(found.values()) == pytest.approx(1)
    assert found["yes"] == pytest.approx(0.731, abs=1e-3)
    rows = [
        LabelRow(number=n, reference=right, probabilities=found, mass=0.5)
        for n, right in enumerate(("yes", "no", "yes"), start=1)
    ]
    assert likeliest_accuracy(rows) == pytest.approx(2 / 3)
    with pytest.raises(UserError, match="threshold"):
        at_threshold([0.5], [True], float("nan"))


def test_macro_intervals_hold_the_value_and_are_honest_at_the_ends() -> None:
    labels = ("yes", "no")
    references = ["yes", "no"] * 20
    outputs = ["yes"] * 20 + ["no"] * 15 + ["maybe"] * 5
    report = classification_report(references, outputs, labels)
    assert [row[-1] for row in report.confusion] == [2, 3]
    assert UNPARSED not in report.per_class
    found = macro_intervals(report.confusion)
    for measure, (low, high) in found.items():
        assert 0 <= low < getattr(report, f"macro_{measure}") < high <= 1
    assert macro_intervals([[5, 0, 0], [0, 5, 0]])["f1"] == wilson_interval(10, 10)
    assert macro_intervals([[0, 0, 5], [0, 0, 5]])["f1"] == wilson_interval(0, 10)
    assert macro_intervals([[0, 0, 0], [0, 0, 0]])["f1"] == (0.0, 1.0)


@pytest.mark.parametrize(
    ("references", "labels"),
    [
        (["yes", "no", "no", "yes"], ("no", "yes")),
        (["yes", "no", "no"], ()),  # "yes" only once
        (["yes", "Yes", "yes", "Yes"], ()),  # the same answer twice
        (["a b c d", "e", "e", "a b c d"], ()),
        (["yes"] * 4, ()),
        ([f"{n}" for n in range(13)] * 2, ()),
    ],
)
def test_labels_of_a_file_are_its_few_short_answers(
    references: list[str], labels: tuple[str, ...]
) -> None:
    assert labels_among(references) == labels
