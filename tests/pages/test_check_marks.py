"""Scores at the checks of a run: marks with intervals, never a line; hollow where a task was trained on."""

from typing import Any

import pytest

from core.evaluate.form_and_label import LIKELIEST_LABEL, RIGHT_FORM
from pages.shared.check_marks import TRAINED_NOTE
from pages.shared.forgetting import curve_rows, curves, curves_note
from pages.shared.run_charts import score_chart, score_note, score_table
from tests.events import evaluation

BOTH = {"right_form": 0.0, "label_accuracy": 0.6}
EVENTS = [
    evaluation(0, "sentiment", 0.0, n=48, **BOTH),
    evaluation(0, "names", 0.75, n=48),
    evaluation(5, "sentiment", 0.5, n=12, right_form=0.9, label_accuracy=0.6),
    evaluation(5, "names", 0.6, n=12),
    evaluation(20, "sentiment", 0.9, n=48, right_form=1.0, label_accuracy=0.9),
    evaluation(20, "names", 0.7, n=48),
]


def kinds_of_marks(spec: Any) -> set[str]:
    if isinstance(spec, dict):
        mark = spec.get("mark")
        own = {mark["type"] if isinstance(mark, dict) else mark} if mark else set[str]()
        return own.union(*map(kinds_of_marks, spec.values()))
    if isinstance(spec, list):
        return set[str]().union(*map(kinds_of_marks, spec))
    return set()


@pytest.mark.parametrize(
    "chart", [curves(EVENTS, 20), score_chart(list(EVENTS), 20, "sentiment")], ids=["all", "one"]
)
def test_no_line_joins_a_few_checks(chart: Any) -> None:
    assert kinds_of_marks(chart.to_dict()) == {"rule", "point"}


@pytest.mark.parametrize(
    "chart", [curves(EVENTS, 20), score_chart(list(EVENTS), 20, "sentiment")], ids=["all", "one"]
)
def test_marks_beside_the_first_and_last_step_stand_within_the_frame(chart: Any) -> None:
    spec = chart.to_dict()
    for layer in spec["layer"]:
        low, high = layer["encoding"]["x"]["scale"]["domain"]
        for mark in next(iter(spec["datasets"].values())):
            assert low < mark["at"] < high


def test_labels_have_both_lines_and_free_text_has_none() -> None:
    frame = curve_rows(EVENTS)
    assert set(frame[frame.curve == "Sentiment"].line) == {"score", RIGHT_FORM, LIKELIEST_LABEL}
    assert set(frame[frame.curve == "Names"].line) == {"score"}
    assert (frame.low <= frame["value"]).all()
    assert (frame.high >= frame["value"]).all()


def test_what_was_trained_is_hollow() -> None:
    frame = curve_rows(EVENTS, {"sentiment"})
    assert frame[frame.curve == "Sentiment"].hollow.all()
    assert not frame[frame.curve == "Names"].hollow.any()
    assert TRAINED_NOTE in curves_note(EVENTS, {"sentiment"})
    assert TRAINED_NOTE not in curves_note(EVENTS, {"topic"})


def test_the_note_says_form_first_only_where_it_is_shown() -> None:
    said = curves_note(EVENTS, {"sentiment"})
    assert "first teaches the form (by step 5), then to tell the labels apart better" in said
    assert score_note(list(EVENTS), "sentiment").startswith("Training first teaches the form")
    old = [evaluation(step, "sentiment", 0.5) for step in (0, 20)]  # a record from before
    assert "form" not in curves_note(old, {"sentiment"})


def test_a_table_has_dashes_where_nothing_was_measured() -> None:
    table = score_table([EVENTS[0], EVENTS[1]])
    assert list(table[RIGHT_FORM]) == ["0.00", "–"]
    assert list(table["precision"]) == ["–", "–"]
