"""The questions before and after: two forms of the same items, and what is kept of the answers."""

import csv
import io
from collections import Counter
from pathlib import Path

import pytest

from core.course.progress import keep, progress
from core.course.quiz import (
    AFTER,
    BEFORE,
    COLUMNS,
    FORMS,
    NOT_ANSWERED,
    as_csv,
    form_for,
    items,
    results,
    score,
)
from core.errors import UserError

LEARNERS = [f"pupil {n}" for n in range(200)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    return tmp_path


def test_both_forms_ask_the_same_14_things_in_other_words() -> None:
    a, b = map(items, FORMS)
    assert [item.id for item in a] == [item.id for item in b]
    assert len({item.id for item in a}) == 14
    for one, other in zip(a, b, strict=True):
        assert one.question.ask != other.question.ask
        assert one.misconception == other.misconception
        assert one.held != one.right


def test_the_forms_are_of_equal_length() -> None:
    """Longer questions are harder: no form has a fifth more words."""
    n_words = [sum(len(" ".join(i.question.texts).split()) for i in items(form)) for form in FORMS]
    assert max(n_words) < 1.2 * min(n_words)


@pytest.mark.parametrize("form", FORMS)
def test_the_right_answer_has_no_usual_place_and_no_usual_length(form: str) -> None:
    places = Counter(item.right for item in items(form))
    assert max(places.values()) <= 7
    longest = sum(
        len(item.question.right.text) == max(len(a.text) for a in item.question.answers)
        for item in items(form)
    )
    assert longest <= 7


def test_each_half_begins_with_another_form() -> None:
    first = Counter(form_for(name, BEFORE) for name in LEARNERS)
    assert min(first.values()) > 70
    assert all(form_for(name, BEFORE) != form_for(name, AFTER) for name in LEARNERS)
    assert form_for("Mia", BEFORE) == form_for("mia", BEFORE)


def test_answers_are_counted_and_kept(home: Path) -> None:
    form = items(form_for("Mia", BEFORE))
    chosen = {item.id: item.right for item in form[:9]} | {i.id: i.held for i in form[9:12]}
    keep(score("Mia", BEFORE, chosen).entry())
    found = results(progress("Mia"))
    assert list(found) == [BEFORE]
    assert (found[BEFORE].n_right, found[BEFORE].n_held) == (9, 3)
    assert found[BEFORE].chosen[form[13].id] == NOT_ANSWERED
    low, high = found[BEFORE].interval
    assert low < 9 / 14 < high
    assert results(progress("Omar")) == {}


def test_the_csv_has_a_line_for_each_item(home: Path) -> None:
    item = items(form_for("=Mia", AFTER))[0]
    table = list(csv.reader(io.StringIO(as_csv([score("=Mia", AFTER, {item.id: item.right})]))))
    assert tuple(table[0]) == COLUMNS
    assert len(table) == 15
    line = dict(zip(COLUMNS, table[1], strict=True))
    assert line["learner"] == "'=Mia"  # no formula for a spreadsheet
    assert (line["is_right"], line["answer"]) == ("1", item.question.right.text)


@pytest.mark.parametrize(
    ("moment", "chosen", "said"),
    [
        (BEFORE, {"memory_full": 7}, "has no answer 8"),
        (BEFORE, {"alchemy": 0}, "'alchemy' is not known"),
        ("during", {}, "'during' is not known"),
    ],
)
def test_what_the_form_does_not_have_is_refused(
    moment: str, chosen: dict[str, int], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        score("Mia", moment, chosen)


def test_answers_of_another_version_do_not_count(home: Path) -> None:
    entry = score("Mia", BEFORE, {}).entry()
    keep(type(entry)(**{**vars(entry), "detail": {"form": "C"}}))
    assert results(progress("Mia")) == {}
