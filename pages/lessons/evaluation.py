"""Lesson 10: evaluation. What a score counts, where it lies, and how sure one can be."""

import streamlit as st

from core import catalog
from core.data import uploads
from core.evaluate.examples import examples_of, labels_of
from core.experiments.watching import WATCHED_TASKS, watched_config
from pages.ui.comparing import on_both, show_comparison
from pages.ui.engine import require_model
from pages.ui.measuring import (
    Asked,
    Row,
    choose_measure,
    choose_model,
    choose_test_set,
    collect,
    ended_runs,
    models,
    show_examples,
    show_summary,
)
from pages.ui.overlap import challenges, compared, traps
from pages.ui.start import run_button
from pages.ui.thresholds import show_report, show_thresholds
from pages.ui.watching import watch


def count_words() -> None:
    """Two boxes and what the measures make of them; no model is needed."""
    traps()
    found = compared()
    st.header("Break the metric")
    challenges(found)


def while_it_trains() -> None:
    """Precision, recall and F1 beside the loss, live and for any finished run."""
    st.header("While it trains")
    st.markdown(
        "The loss is what training sees. The metric is what you want. Do they move together?"
    )
    left, right = st.columns(2)
    task = left.selectbox(
        "Train on",
        WATCHED_TASKS,
        format_func=lambda task: catalog.TASKS[task].title,
        key="evaluation_train",
        bind="query-params",
    )
    seed = right.number_input("Seed", 0, 9999, 0, key="evaluation_seed", bind="query-params")
    others = ended_runs()
    if others:
        st.selectbox(
            "Or look at a finished run",
            list(others),
            index=None,
            format_func=others.__getitem__,
            key="evaluation_finished",
            on_change=look_at_finished,
        )
    run_id = run_button(
        watched_config(task, seed=seed), "Train", key="evaluation_train", name="run"
    )
    if run_id:
        watch(run_id)
    else:
        st.caption("Press Train: a minute or two, scored every few steps. The curves grow here.")


def look_at_finished() -> None:
    """The chosen run goes into the URL, as one that was started here does."""
    if chosen := st.session_state["evaluation_finished"]:
        st.query_params["run"] = chosen


def any_model() -> tuple[Asked, str, list[Row]] | None:
    """A model on a test set, answer by answer; returns what was asked, by which measure, and the rows."""
    st.header("Any model, any test set")
    left, right = st.columns(2)
    with left:
        run = choose_model("Model", key="evaluation_model")
    with right:
        task, dataset = choose_test_set()
    if task == catalog.CUSTOM_TASK and not dataset:
        return None
    asked = Asked(run=run, task=task, dataset=dataset)
    measure = choose_measure(task)
    rows = collect("evaluate", asked, label="Evaluate", key="evaluation_evaluate")
    if rows:
        show_summary(rows, measure)
        show_examples(rows, measure)
        classify(asked, rows)
    return asked, measure, rows


def classify(asked: Asked, rows: list[Row]) -> None:
    """For test sets with labels: the confusion matrix, and thresholds on their probabilities."""
    records = uploads.load(asked.dataset) if asked.dataset else ()
    labels = labels_of(asked.task, examples_of(asked.task, records, split="test"))
    if not labels:
        return
    st.header("Labels and thresholds")
    written = show_report(rows, labels)
    st.markdown(
        "So far the model had to write the label. It also has a probability for each label, whatever it "
        "writes. From which probability on do we say yes?"
    )
    found = collect(
        "label_probabilities",
        asked,
        label="Measure the labels’ probabilities",
        key="evaluation_labels",
    )
    if found:
        show_thresholds(found, written)


def two_models(asked: Asked, measure: str, rows: list[Row]) -> None:
    """The same examples under a second model."""
    st.header("Two models, example by example")
    if not rows:
        st.caption("Evaluate a model above; then set another against it on the same examples.")
        return
    titles = models()
    second = choose_model("Compare with", key="evaluation_second", default=1)
    if second == asked.run:
        st.caption("Choose a second model. Every run you train becomes one.")
        return
    other = Asked(run=second, task=asked.task, dataset=asked.dataset)
    others = collect("evaluate", other, label="Evaluate it, too", key="evaluation_other")
    if shared := on_both(rows, others):
        show_comparison(*shared, (titles[asked.run], titles[second]), measure)


st.title("Evaluation")
st.markdown(
    "A score is a decision about what counts. Compare two texts, watch every step of the count, and then "
    "make the score lie."
)
count_words()
require_model()
while_it_trains()
measured = any_model()
if measured:
    two_models(*measured)
