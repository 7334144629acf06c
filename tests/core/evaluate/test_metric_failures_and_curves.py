"""Where the score lies, and what a run's record says of metric and loss."""

from typing import Any

import pytest

from core.evaluate.compare_texts import compare_texts
from core.evaluate.learning_curves import in_one_line, losses_at, movements, values_over_time
from core.evaluate.metric_failures import HIGH, LOW, METRIC_FAILURES, SAME_SCORE, attempt
from core.evaluate.words import Cutting
from core.events import ClassificationReport, Evaluation, Validation
from tests.events import evaluation as made_evaluation
from tests.events import step


@pytest.mark.parametrize("failure", METRIC_FAILURES.values(), ids=METRIC_FAILURES)
def test_on_each_prepared_pair_the_score_lies(failure: Any) -> None:
    f1 = compare_texts(failure.reference, failure.output).rouge_1.f1
    if failure.id == "repetition":  # here clipping saves it
        assert f1 < 0.6
    else:
        assert f1 < LOW if failure.is_right else f1 > HIGH
    assert attempt(failure.reference, failure.output, f1, is_right=failure.is_right)[0] == ""


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_right_and_a_wrong_answer_have_the_same_score(n: int) -> None:
    right, wrong = (
        compare_texts(SAME_SCORE.reference, said, n=n, how=Cutting()).overlap.f1
        for said in (SAME_SCORE.right, SAME_SCORE.wrong)
    )
    assert right == wrong > 0


@pytest.mark.parametrize(
    ("reference", "output", "f1", "is_right", "won"),
    [
        ("He is in.", "He is not in.", 0.86, False, "high"),
        ("He is in.", "He is not in.", 0.86, True, ""),
        ("Twelve", "12", 0.0, True, "low"),
        ("Twelve", "12", 0.0, False, ""),
        ("He is in.", "he is in", 1.0, False, ""),  # the reference itself
        ("He is in.", "  ", 0.0, True, ""),
    ],
)
def test_challenges(reference: str, output: str, f1: float, is_right: bool, won: str) -> None:
    found, words = attempt(reference, output, f1, is_right=is_right)
    assert found == won
    assert words


def test_stems_help_with_endings_only() -> None:
    pair = ("She opened the doors.", "She opens the door.")
    assert compare_texts(*pair).rouge_1.f1 == 0.5
    assert compare_texts(*pair, how=Cutting(stem=True)).rouge_1.f1 == 1.0


def evaluation(step: int, f1: float, **more: Any) -> Evaluation:
    return made_evaluation(step, "qa", f1, n=10, precision=f1, recall=f1, f1=f1, **more)


RUN = [
    evaluation(0, 0.1, intervals={"f1": (0.0, 0.2)}),
    *(step(n, loss) for n, loss in ((1, 3.0), (2, 2.0), (3, 1.0), (4, 1.0), (5, 0.9), (6, 0.9))),
    evaluation(3, 0.1, intervals={"f1": (0.0, 0.2)}),
    evaluation(6, 0.9, intervals={"f1": (0.8, 1.0)}),
]


def test_metric_and_loss_are_set_side_by_side() -> None:
    found = movements(RUN, "qa")
    assert [(m.first_step, m.last_step) for m in found] == [(0, 3), (3, 6)]
    assert losses_at(RUN, [0, 3, 6]) == pytest.approx({0: 3.0, 3: 2.0, 6: 2.8 / 3})
    assert found[1].f1_change == pytest.approx(0.8)
    line = in_one_line(found)
    assert "From step 3 to 6, F1 rose from 0.10 to 0.90" in line
    assert "the loss fell on, by 48\u00a0% of its whole fall, and F1 stayed at 0.10" in line
    assert in_one_line([]) == ""
    assert in_one_line(found[:1]).startswith("F1 did not move beyond its 95 % intervals")


def test_f1_rose_only_where_its_intervals_part() -> None:
    near = [*RUN[:-1], evaluation(6, 0.4, intervals={"f1": (0.15, 0.65)})]
    assert in_one_line(movements(near, "qa")).startswith("F1 did not move beyond")
    unknown = [*RUN[:-1], evaluation(6, 0.9)]  # a record without intervals shows no movement
    assert in_one_line(movements(unknown, "qa")).startswith("F1 did not move beyond")


def test_validation_losses_are_taken_where_there_are_some() -> None:
    watched = [Validation(step=s, loss=5.0 - s, n=3) for s in (0, 3)]
    assert losses_at([*RUN, *watched], [0, 3, 6]) == {0: 5.0, 3: 2.0}


def test_values_have_the_intervals_the_record_has() -> None:
    values = values_over_time(RUN, "qa")
    assert len(values) == 9
    assert values[2].interval == (0.0, 0.2)
    assert values[0].interval is None
    labels = ClassificationReport(
        labels=("yes", "no"),
        accuracy=0.7,
        per_class={},
        macro_precision=0.875,
        macro_recall=0.7,
        macro_f1=0.77,
        confusion=[[4, 1, 0], [0, 3, 2]],
    )
    (precision, *_) = values_over_time([evaluation(0, 0.5, classification=labels)], "qa")
    assert precision.value == 0.875
    assert precision.interval
    assert precision.interval[0] < 0.875
