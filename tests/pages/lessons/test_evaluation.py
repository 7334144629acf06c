"""Lesson: what the page draws, from small rows written by hand, and its first part in the app."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.config import DataConfig, RunConfig
from core.data import uploads
from core.data.examples import Example, load_splits
from core.evaluate.compare_texts import compare_texts
from core.evaluate.examples import Judged, judge
from core.evaluate.learning_curves import values_over_time
from core.evaluate.overlap import WORDS_ONLY
from core.runs.store import RunStore, worker_identity
from pages.lessons.evaluation.any_model import example_table, filtered
from pages.lessons.evaluation.learning_curves import how_measured, metric_chart
from pages.lessons.evaluation.overlap import count_table, subsequence_svg
from pages.lessons.evaluation.thresholds import confusion_finding, report_of
from pages.lessons.evaluation.two_models import difference_chart, on_both
from pages.shared.cards import cards_of
from tests.events import evaluation, sample, step
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    import streamlit as st

    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    st.cache_resource.clear()
    made = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    return made.switch_page("pages/lessons/evaluation/page.py").run()


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


@pytest.mark.thorough
def test_typing_recounts_at_once_and_no_model_is_needed(app: AppTest) -> None:
    app.text_area(key="evaluation_reference").set_value("the cat sat on the mat")
    app.text_area(key="evaluation_output").set_value("the the the cat").run()
    assert metrics(app)["Recall"] == "0.500"
    assert metrics(app)["Precision"] == "0.750"
    assert metrics(app)["F1, their harmonic mean"] == "0.600"
    app.slider(key="evaluation_n").set_value(2).run()
    assert metrics(app)["Recall"] == "0.200"
    assert not app.exception


@pytest.mark.thorough
def test_a_prepared_pair_fills_the_boxes_but_wins_nothing(app: AppTest) -> None:
    app.button(key="evaluation_trap_negation").click().run()
    assert "not safe" in app.text_area(key="evaluation_output").value
    assert any("Negation: a wrong answer with F1 0.9" in m.value for m in app.markdown)
    assert any("one of ours" in c.value for c in app.caption)
    changed = app.text_area(key="evaluation_output").value.replace("everyone", "all")
    app.text_area(key="evaluation_output").set_value(changed).run()
    assert any("you have fooled the score" in c.value for c in app.caption)


@pytest.mark.parametrize("texts", [("", ""), ("…", "!!"), ("日本", "日本"), ("a", "")])
def test_texts_without_words_are_no_error(app: AppTest, texts: tuple[str, str]) -> None:
    for key, text in zip(("reference", "output"), texts, strict=True):
        app.text_area(key=f"evaluation_{key}").set_value(text)
    app.run()
    assert not app.exception
    assert metrics(app)["F1, their harmonic mean"] == "0.000"


def rows(*pairs: tuple[str, str], labels: tuple[str, ...] = ()) -> list[Judged]:
    return [
        judge(n, Example(prompt=f"ask {n}", completion=right), answer, labels)
        for n, (right, answer) in enumerate(pairs, start=1)
    ]


FOUND = rows(
    ("yes", "Yes."), ("no", "yes"), ("no", "perhaps"), ("yes", "yes"), labels=("yes", "no")
)


def test_answers_are_filtered_searched_and_sorted() -> None:
    def numbers(measure: str = "exact_match", **wanted: str) -> list[int]:
        usual = {"which": "all", "words": "", "order": "number"}
        return [row.number for row in filtered(FOUND, measure, **(usual | wanted))]

    assert numbers() == [1, 2, 3, 4]
    assert numbers(which="wrong") == [2, 3]
    assert numbers(which="right") == [1, 4]
    assert numbers(words="PERHAPS") == [3]
    assert numbers(order="score") == [2, 3, 1, 4]
    assert numbers(order="output") == [1, 3, 2, 4]
    table = example_table(filtered(FOUND, "f1", which="wrong", words="", order="number"), "f1")
    assert list(table["right answer"]) == ["no", "no"]
    assert example_table([], "f1").empty


def test_models_are_compared_on_the_examples_both_have() -> None:
    shared = on_both(FOUND, [FOUND[2], FOUND[0]])
    assert shared
    assert [row.number for row in shared[0]] == [row.number for row in shared[1]] == [1, 3]
    assert on_both(FOUND, []) is None


def test_confusion_counts_answers_that_are_no_label() -> None:
    report = report_of(FOUND, ("yes", "no"))
    assert report.confusion == [[2, 0, 0], [1, 0, 1]]
    found = confusion_finding(("yes", "no"), report.confusion)
    assert found == "2 of 4 right; most often “no” → yes: 1"
    assert confusion_finding(("yes",), [[3, 0]]) == "3 of 3 right, no mistake"


def test_every_pair_of_the_subsequence_has_a_line() -> None:
    found = compare_texts("a <b> c d", "a x c")
    drawn = subsequence_svg(found)
    assert drawn.count("<line") == len(found.common) == 2
    assert "<b>" not in drawn
    table = count_table(found.counts)
    assert list(table["n-gram"])[-1] == "all"
    assert table.counted.iloc[-1] == found.overlap.matched


def test_charts_say_what_they_found() -> None:
    others = rows(("yes", "yes"), ("no", "no"), ("no", "no"), ("yes", "?"))
    binary = difference_chart(FOUND, others, ("A", "B"), "exact_match").to_dict()
    assert binary["description"] == "both right: 1, only A: 1, only B: 2, both wrong: 0"
    spread = difference_chart(FOUND, others, ("A", "B"), "f1").to_dict()
    assert spread["description"] == "B scores higher on 2 examples, lower on 1"
    figures: dict[str, Any] = {"precision": 0.25, "recall": 0.5, "f1": 0.3}
    event = evaluation(0, "qa", 0.3, n=4, intervals={"f1": (0.1, 0.5)}, **figures)
    chart = metric_chart(values_over_time([event], "qa"), "qa", 0, 20).to_dict()
    assert chart["description"] == (
        "Question answering at step 0: precision 0.25, recall 0.50, F1 0.30"
    )


def own_run(template: str = "Q: {prompt}") -> str:
    pairs = [{"prompt": f"cat {n}", "completion": "yes" if n % 2 else "no"} for n in range(20)]
    data = DataConfig(task="custom", dataset=uploads.keep(pairs), template=template)
    return RunStore().start(RunConfig(data=data), worker=worker_identity()).id


def chosen_set(run: str) -> None:
    import streamlit as st

    from pages.lessons.evaluation.any_model import choose_test_set, examples_asked

    asked = choose_test_set(run)
    if asked:
        st.json([vars(asked), [e.prompt for e in examples_asked(asked)]])


@pytest.mark.thorough
def test_a_run_on_own_data_offers_its_own_test_pairs(app: AppTest) -> None:
    run = own_run()
    shown = AppTest.from_function(chosen_set, kwargs={"run": run}).run()
    assert shown.selectbox[0].value == "own"
    asked, prompts = json.loads(shown.json[0].value)
    assert (asked["pairs_of"], asked["task"]) == (run, "custom")
    config = RunStore().get(run).config
    assert prompts == [e.prompt for e in load_splits(config.data, seed=config.seed).test]
    assert prompts[0].startswith("Q: cat")
    shown.selectbox[0].set_value("names").run()
    asked, prompts = json.loads(shown.json[0].value)
    assert (asked["pairs_of"], asked["template"], len(prompts)) == ("", "", 48)
    base = AppTest.from_function(chosen_set, kwargs={"run": ""}).run()
    assert "Its own test pairs" not in base.selectbox[0].options


def limits_of(rows: "list[Judged]", n_trained_on: int | None) -> None:
    from pages.lessons.evaluation.any_model import show_limits
    from pages.lessons.evaluation.collect import Found

    show_limits(Found(rows=rows, max_new_tokens=96, n_trained_on=n_trained_on))


@pytest.mark.thorough
def test_cut_answers_and_pairs_trained_on_are_said() -> None:
    found = [replace(row, cut=row.number == 2) for row in FOUND]
    shown = AppTest.from_function(limits_of, kwargs={"rows": found, "n_trained_on": 3}).run()
    assert [c.value for c in shown.caption] == [
        "3 of the 4 examples scored were trained on by this run.",
        "1 of 4 answers was cut at 96 tokens.",
    ]
    assert list(example_table(found, "f1").cut) == [False, True, False, False]
    none = AppTest.from_function(limits_of, kwargs={"rows": FOUND, "n_trained_on": 0}).run()
    assert not none.caption


@pytest.mark.thorough
def test_two_texts_are_compared_as_whole_answers(app: AppTest) -> None:
    for key, text in (("reference", "-1"), ("output", "1")):
        app.text_area(key=f"evaluation_{key}").set_value(text)
    app.run()
    said = "As whole answers: no exact match: the reference does not stand in the output."
    assert said in [m.value for m in app.markdown]


def test_a_live_view_says_how_many_answers_were_cut_and_marks_them(app: AppTest) -> None:
    run = own_run()
    RunStore().append(run, evaluation(0, "custom", 0.5, n=4, n_cut=3, max_new_tokens=56))
    shown = AppTest.from_function(status_of, kwargs={"run_id": run}).run()
    assert "Your pairs at step 0: 3 of 4 answers were cut at 56 tokens." in [
        c.value for c in shown.caption
    ]
    cut = sample(0, "", "Once upon", was_cut=True)
    assert cards_of([cut])[0].answers == [("before", "Once upon […]")]


def status_of(run_id: str) -> None:
    from pages.shared.engine import store
    from pages.shared.live import show_status

    show_status(store().get(run_id), store().events(run_id))


def examples_by(rows: "list[Judged]", measure: str) -> None:
    from pages.lessons.evaluation.any_model import show_examples

    show_examples(rows, measure)


@pytest.mark.thorough
def test_a_high_overlap_is_not_called_right() -> None:
    """By F1 "-1" is as good as "1": words are what ROUGE takes for words."""
    found = rows(("1", "-1"))
    assert (found[0].f1, found[0].exact_match) == (1.0, 0.0)
    shown = AppTest.from_function(examples_by, kwargs={"rows": found, "measure": "f1"}).run()
    assert shown.button_group[0].options == ["all", "below 0.5", "0.5 or more"]
    assert shown.caption[0].value == f"0 of 1 examples. {WORDS_ONLY}"
    exact = AppTest.from_function(examples_by, kwargs={"rows": found, "measure": "exact_match"})
    assert exact.run().button_group[0].options == ["all", "wrong", "right"]
    assert exact.caption[0].value == "1 of 1 examples."


@pytest.mark.thorough
def test_word_overlap_is_said_to_be_no_more_than_that(app: AppTest) -> None:
    event = evaluation(0, "custom", 0.0, n=4, precision=1.0, recall=1.0, f1=1.0)
    assert WORDS_ONLY in how_measured(event)
    run = own_run()
    RunStore().append(run, event)
    RunStore().append(run, step(1, 1.0))
    shown = AppTest.from_function(view_of, kwargs={"run_id": run}).run()
    assert not shown.exception
    assert any(c.value.endswith(WORDS_ONLY) for c in shown.caption)


def view_of(run_id: str) -> None:
    from pages.shared.live import run_view

    run_view(run_id)
