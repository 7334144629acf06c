"""Lesson: evaluation. What a score counts, where it lies, and how sure one can be."""

from dataclasses import replace
from functools import partial

import streamlit as st

from core import catalog
from core.config import RunConfig
from core.course import content
from core.evaluate.examples import Judged, labels_of
from core.experiments.watching import WATCHED_TASKS, watched_config
from core.runs.messages import AskLabels, Evaluate, ModelOnTestSet
from pages.lessons.evaluation.any_model import (
    choose_measure,
    choose_model,
    choose_test_set,
    ended_runs,
    examples_asked,
    models,
    show_examples,
    show_limits,
    show_summary,
)
from pages.lessons.evaluation.collect import Found, collect
from pages.lessons.evaluation.learning_curves import draw, watch
from pages.lessons.evaluation.overlap import challenges, compared, metric_failures
from pages.lessons.evaluation.same_score import same_score
from pages.lessons.evaluation.thresholds import show_report, show_thresholds
from pages.lessons.evaluation.two_models import on_both, show_comparison
from pages.shared.answers import answer, other_settings
from pages.shared.ask import ask_while_waiting
from pages.shared.lab_report import lab_report
from pages.shared.layout import experiment, more_settings
from pages.shared.predict import lock, predict_here, show_outcome
from pages.shared.run_button import run_button
from pages.shared.settings import SEEDS
from pages.shared.thread import begin, end

COURSE = content.lesson("evaluation")


def count_words() -> None:
    """Two boxes and what the measures make of them; no model is needed."""
    same_score()
    st.header("More pairs that fool the score")
    if predict_here(COURSE):
        show_outcome(COURSE)
    metric_failures(on_look=partial(lock, COURSE))
    found = compared()
    st.header("Break the metric")
    challenges(found)


def while_it_trains() -> None:
    """Precision, recall and F1 beside the loss, live and for any finished run."""
    if "run" not in st.query_params:  # a run stands right below the title
        st.header("While it trains")
    left, right = experiment()
    with left:
        st.markdown(
            "The loss is what training sees. The metric is what you want. Do they move together?"
        )
        place = st.container()
        task = st.selectbox(
            "Train on",
            WATCHED_TASKS,
            format_func=lambda task: catalog.TASKS[task].title,
            key="evaluation_train",
            bind="query-params",
        )
        with more_settings():
            seed = st.number_input("Seed", 0, 9999, 0, key="evaluation_seed", bind="query-params")
        if others := ended_runs():
            st.selectbox(
                "Or look at a finished run",
                list(others),
                index=None,
                format_func=others.__getitem__,
                key="evaluation_finished",
                on_change=look_at_finished,
            )
        config = watched_config(task, seed=seed)
        with place:
            run_id = run_button(config, "Train", key="evaluation_train", name="run")
        if run_id:
            other_settings(config, run_id, key="evaluation", name="run")
            ask_while_waiting(COURSE, run_id)
    with right:
        if run_id:
            watch(run_id)
        else:
            answer(
                config,
                draw,
                key="evaluation",
                name="run",
                collections=("single_tasks",),
                turned=("data.task", "seed"),
                set_controls=set_controls,
            )


def set_controls(config: RunConfig) -> None:
    """Put a config into the controls of `while_it_trains`."""
    st.session_state["evaluation_train"] = config.data.task
    st.session_state["evaluation_seed"] = config.seed


def spells(config: RunConfig) -> bool:
    """Whether the controls of `while_it_trains` can be set to a config."""
    task = config.data.task
    is_reached = task in WATCHED_TASKS and config.seed in SEEDS
    return is_reached and config == watched_config(task, seed=config.seed)


def look_at_finished() -> None:
    """The chosen run goes into the URL, as one that was started here does."""
    if chosen := st.session_state["evaluation_finished"]:
        st.query_params["run"] = chosen


def any_model() -> tuple[ModelOnTestSet, str, Found[Judged]] | None:
    """A model on a test set, answer by answer; returns what was asked, by which measure, what was found."""
    st.header("Any model, any test set")
    left, right = st.columns(2)
    with left:
        run = choose_model("Model", key="evaluation_model")
    with right:
        asked = choose_test_set(run)
    if asked is None:
        return None
    measure = choose_measure(asked.task)
    found = collect(Evaluate(on=asked), label="Evaluate", key="evaluation_evaluate")
    if found.rows:
        show_summary(found, measure)
        show_examples(found.rows, measure)
        classify(asked, found)
    return asked, measure, found


def classify(asked: ModelOnTestSet, answered: Found[Judged]) -> None:
    """For test sets with labels: the confusion matrix, and thresholds on their probabilities."""
    labels = labels_of(asked.task, examples_asked(asked))
    if not labels:
        return
    st.header("Labels and thresholds")
    written = show_report(answered.rows, labels)
    st.markdown(
        "So far the model had to write the label. It also has a probability for each label, whatever it "
        "writes. At what probability do we say yes?"
    )
    found = collect(
        AskLabels(on=asked),
        label="Measure the labels’ probabilities",
        key="evaluation_labels",
    )
    if found.rows:
        show_thresholds(found.rows, written)


def two_models(asked: ModelOnTestSet, measure: str, found: Found[Judged]) -> None:
    """The same examples under a second model."""
    st.header("Two models, example by example")
    if not found.rows:
        st.caption("Evaluate a model above; then set another against it on the same examples.")
        return
    titles = models()
    second = choose_model("Compare with", key="evaluation_second", default=1)
    if second == asked.run:
        st.caption("Choose a second model. Every run you train becomes one.")
        return
    other = replace(asked, run=second)
    others = collect(Evaluate(on=other), label="Evaluate it too", key="evaluation_other")
    show_limits(others)
    if shared := on_both(found.rows, others.rows):
        show_comparison(*shared, (titles[asked.run], titles[second]), measure)


begin(COURSE)
if "run" in st.query_params:  # who follows a run sees it first
    while_it_trains()
    count_words()
else:
    count_words()
    while_it_trains()
measured = any_model()
if measured:
    two_models(*measured)
end(COURSE)
lab_report(COURSE, name="run", set_controls=set_controls, spells=spells)
