"""Lesson: catastrophic forgetting. Tune on one task and watch the others go."""

from dataclasses import replace

import streamlit as st

from core import catalog
from core.config import (
    DataConfig,
    EvaluationConfig,
    RunConfig,
    default_learning_rate,
    method_title,
)
from core.evaluate.forgetting import forgetting_from_events
from core.events import Sample
from core.experiments.collapse import STEPS, TEXTBOOK_RATE, WATCHED, collapse
from core.runs.states import RunStatus
from pages.shared.engine import events_of, require_model, store
from pages.shared.forgetting import forgetting_view, how_sure, matrix_figure, scrub
from pages.shared.run_button import run_button
from pages.shared.settings import RATES

GENTLE_RATE = 2e-5
GUESSES = ("a name", "a sentence about names", "“positive” or “negative”", "nothing at all")
SEQUENCE = [t.id for t in catalog.TASKS.values() if "train" in t.splits]


def predict(run_id: str) -> None:
    """The reader's guess before the run, and afterwards what came."""
    guess = st.radio(
        "First guess: after 20 steps on reviews, what will the model answer to “What is your name?”",
        GUESSES,
        index=None,
        key="forgetting_guess",
        bind="query-params",
    )
    if not run_id or store().get(run_id).status is not RunStatus.FINISHED:
        return
    answers = [
        e.output for e in events_of(run_id) if isinstance(e, Sample) and e.prompt == WATCHED[0]
    ]
    if guess and answers:
        st.caption(f"Your guess was {guess}. The tuned model answers: “{answers[-1]}”.")


def settings() -> RunConfig:
    """Method, rate, steps and seed; everything else as in the textbook's experiment."""
    method = st.segmented_control(
        "Method",
        ["full", "lora", "top_layers", "prompt"],
        format_func=method_title,
        default="full",
        required=True,
        key="forgetting_method",
        bind="query-params",
    )
    usual = TEXTBOOK_RATE if method == "full" else default_learning_rate(method)
    key = f"forgetting_rate_{method}"

    def choose(rate: float) -> None:
        st.session_state[key] = rate

    rate = st.select_slider(
        "Learning rate",
        (*RATES, 3e-2, 1e-1),
        value=usual,
        format_func="{:.0e}".format,
        key=key,
        bind="query-params",
    )
    if method == "full":
        left, right = st.columns(2)
        left.button(
            "The rate of the textbook collapse: 3e-04",
            on_click=choose,
            args=(TEXTBOOK_RATE,),
            width="stretch",
            key="forgetting_textbook",
        )
        right.button(
            "A gentle rate: 2e-05",
            on_click=choose,
            args=(GENTLE_RATE,),
            width="stretch",
            key="forgetting_gentle",
        )
    left, right = st.columns(2)
    steps = left.number_input("Steps", 1, 500, STEPS, key="forgetting_steps", bind="query-params")
    seed = right.number_input("Seed", 0, 9999, 0, key="forgetting_seed", bind="query-params")
    return collapse(method=method, rate=rate, steps=steps, seed=seed)


def one_task() -> RunConfig:
    """The textbook's experiment; returns its settings for the sequence below."""
    st.header("One task learned, another lost")
    guess = st.container()
    config = settings()
    run_id = run_button(config, "Run", key="forgetting_run", name="run")
    with guess:
        predict(run_id)
    if not run_id:
        st.caption("Make your guess, then press Run: the model learns reviews before your eyes.")
        return config
    forgetting_view(run_id)
    if not store().get(run_id).status.is_over:
        return config
    st.markdown(
        "**Why?** The loss sees reviews and nothing else. Every step moves the weights to where "
        "reviews are answered better, and nothing in the loss holds back what other prompts need "
        "from the same weights. How far they move is set, roughly, by the learning rate times the "
        "number of steps: try the gentle rate, and compare."
    )
    scrub(run_id)
    return config


def sequence(single: RunConfig) -> None:
    """Several tasks in turn with the settings of `single`, and the matrix of what is left."""
    st.header("One task after another")
    st.markdown(
        "Tune on one task, then the next, then the next, with the method and rate from above. "
        "What is left of the first?"
    )
    tasks = st.multiselect(
        "Tasks, in the order you choose them",
        SEQUENCE,
        default=["sentiment", "topic", "names"],
        format_func=lambda task: catalog.TASKS[task].title,
        max_selections=4,
        key="forgetting_sequence",
        bind="query-params",
    )
    if len(tasks) < 2:
        st.caption("Choose at least two tasks.")
        return
    config = replace(
        single,
        data=DataConfig(task=tasks[0], others=tuple(tasks[1:]), order="sequential"),
        evaluation=EvaluationConfig(every=10_000, samples=0, prompts=WATCHED[:1]),
    )
    run_id = run_button(config, "Run the sequence", key="forgetting_sequence_run", name="sequence")
    if not run_id:
        return
    if run_id == st.query_params.get("run"):
        st.caption("This run’s curves are drawn above.")
    else:
        forgetting_view(run_id)
    events = events_of(run_id)
    found = forgetting_from_events(events)
    if found is None:
        return
    st.plotly_chart(matrix_figure(found), width="stretch", key="forgetting_matrix")
    one, two, three = st.columns(3)
    one.metric("Average accuracy", f"{found.average_accuracy:.2f}")
    one.caption("Mean of the last row: what the final model can do (Lopez-Paz & Ranzato 2017).")
    two.metric("Forgetting", f"{found.forgetting:.2f}")
    two.caption("Mean fall of each earlier task from its best (Chaudhry et al. 2018).")
    three.metric("Backward transfer", f"{found.backward_transfer:+.2f}")
    three.caption(
        "Mean change of each earlier task since it was learned (Lopez-Paz & Ranzato 2017)."
    )
    st.caption(how_sure(events))


st.title("Catastrophic forgetting")
st.markdown(
    "Tune a model on one task only, and it may lose what it could do before. McCloskey and Cohen "
    "saw it in small networks in 1989 and called it catastrophic interference. Make it happen."
)
require_model()
sequence(one_task())
