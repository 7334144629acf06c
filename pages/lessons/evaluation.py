"""Lesson 10: evaluation. What a score counts, where it lies, and how sure one can be."""

import streamlit as st

from core import catalog
from core.data import uploads
from core.evaluate.examples import examples_of, labels_of
from core.experiments.watching import WATCHED_TASKS, watched_config
from pages.ui.engine import require_model, store
from pages.ui.measuring import (
    Asked,
    choose_measure,
    choose_model,
    choose_test_set,
    collect,
    models,
    show_comparison,
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
    run_id = run_button(
        watched_config(task, seed=seed), "Train", key="evaluation_train", name="run"
    )
    others = {run.id: title for run in store().runs() if (title := models().get(run.id))}
    if others:
        chosen = st.selectbox(
            "Or look at a finished run",
            list(others),
            index=None,
            format_func=others.__getitem__,
            key="evaluation_finished",
        )
        run_id = chosen or run_id
    if run_id:
        watch(run_id)
    else:
        st.caption("Press Train: about a minute, scored every three steps.")


def any_model() -> tuple[Asked, str] | None:
    """A model on a test set, answer by answer; returns what was asked, once it is there."""
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
    return asked, measure


def classify(asked: Asked, rows: list[dict[str, object]]) -> None:
    """For test sets with labels: the confusion matrix, and thresholds on their probabilities."""
    records = uploads.load(asked.dataset) if asked.dataset else ()
    labels = labels_of(asked.task, examples_of(asked.task, records, split="test"))
    if not labels:
        return
    st.header("Labels and thresholds")
    show_report(rows, labels)
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
        show_thresholds(found)


def two_models(asked: Asked, measure: str) -> None:
    """The same examples under a second model."""
    st.header("Two models, example by example")
    titles = models()
    second = choose_model("Compare with", key="evaluation_second", default=1)
    if second == asked.run:
        st.caption("Choose a second model. Every run you train becomes one.")
        return
    other = Asked(run=second, task=asked.task, dataset=asked.dataset)
    first_rows = collect("evaluate", asked, label="Evaluate the first", key="evaluation_first")
    if not first_rows:
        return
    rows = collect("evaluate", other, label="Evaluate the second", key="evaluation_other")
    if len(rows) == len(first_rows):
        show_comparison(first_rows, rows, (titles[asked.run], titles[second]), measure)


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
