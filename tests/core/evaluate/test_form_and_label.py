"""What a score on labels is made of, in sentences that claim no more than the intervals allow."""

import pytest

from core.evaluate.form_and_label import (
    forms_of_two,
    line_words,
    lines,
    mean_lines,
    what_came_first,
    what_was_taught,
)
from core.events import Evaluation
from tests.events import evaluation


def made(step: int, form: float | None, label: float | None, *, n: int = 48) -> Evaluation:
    return evaluation(step, "sentiment", 0.0, n=n, right_form=form, label_accuracy=label)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ((0.0, 0.63), (1.0, 0.70), "training taught the form; the 95 % intervals of the likeliest"),
        ((0.0, 0.50), (1.0, 0.95), "taught the form, and to tell the labels apart better"),
        ((0.9, 0.50), (0.95, 0.95), "the labels are told apart better; the form is not shown"),
        ((1.0, 0.95), (0.0, 0.50), "cost the form, and the labels are told apart worse"),
        ((0.5, 0.5), (0.55, 0.55), "neither is shown to have changed"),
    ],
)
def test_what_was_taught(
    before: tuple[float, float], after: tuple[float, float], words: str
) -> None:
    said = what_was_taught(lines(made(0, *before)), lines(made(20, *after)))
    assert words in said
    assert said.startswith(f"Right form {before[0]:.2f} → {after[0]:.2f}")


def test_nothing_is_said_of_what_was_not_measured() -> None:
    old, free = made(0, None, None), made(20, 1.0, None)
    assert line_words(old) == ""
    assert what_was_taught(lines(old), lines(made(20, 1.0, 0.9))) == ""
    assert what_was_taught(lines(free), lines(free)) == ""
    assert what_came_first([old, made(20, 1.0, 0.9)], "sentiment") == ""


def test_form_comes_first_only_where_the_checks_show_it() -> None:
    path = [made(0, 0.0, 0.5), made(5, 1.0, 0.5, n=12), made(20, 1.0, 0.95)]
    assert "form (by step 5), then" in what_came_first(path, "sentiment")
    assert what_came_first([path[0], path[2]], "sentiment") == ""  # both at the same check
    only = what_came_first(path[:2], "sentiment")
    assert "is not shown by the end" in only


def test_seeds_are_averaged_and_do_not_narrow_the_interval() -> None:
    seeds = [lines(made(20, 1.0, 0.9)), lines(made(20, 1.0, 0.7))]
    form, label = mean_lines(seeds)
    assert (form.value, label.value) == (1.0, pytest.approx(0.8))
    assert label.interval[1] - label.interval[0] > 0.15
    assert mean_lines([seeds[0], []]) == []


def test_two_models_that_differ_in_form_are_warned_of() -> None:
    sentences, labels = [False] * 40, [True] * 40
    assert "form alone" in forms_of_two([sentences, labels], ("A", "B"))
    assert forms_of_two([labels, labels], ("A", "B")) == ""
    assert forms_of_two([[], []], ("A", "B")) == ""  # free text
