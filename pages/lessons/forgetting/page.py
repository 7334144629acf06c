"""Lesson: catastrophic forgetting. Tune on one task and watch the others go."""

import streamlit as st

from core import catalog
from core.config import RunConfig, default_learning_rate, method_title
from core.course.content import lesson
from core.evaluate.forgetting import forgetting_from_events
from core.events import Event
from core.experiments.collapse import SEQUENCE, STEPS, TEXTBOOK_RATE, collapse, in_sequence
from pages.shared.answers import answer, other_settings
from pages.shared.ask import ask_while_waiting
from pages.shared.engine import events_of, store
from pages.shared.forgetting import draw, forgetting_view, how_sure, matrix_figure, scrub
from pages.shared.lab_report import lab_report
from pages.shared.layout import experiment, more_settings
from pages.shared.one_of import one_of
from pages.shared.predict import predict, show_outcome_of
from pages.shared.recordings import recorded_run
from pages.shared.run_button import run_button
from pages.shared.settings import RATES, SEEDS, decimals, rate_slider, within
from pages.shared.thread import begin, end

GENTLE_RATE = 2e-5
COURSE = lesson("forgetting")
OFFERED = ("full", "lora", "top_layers", "prompt")
WIDE_RATES = (*RATES, 3e-2, 1e-1)
TURNED = ("method.name", "optimizer.learning_rate", "optimizer.steps", "seed")
TRAINABLE = [t.id for t in catalog.TASKS.values() if "train" in t.splits]


def settings() -> RunConfig:
    """Method, steps and seed in a popover, the rate in sight; all else as in the textbook's experiment."""
    place = st.container()
    with more_settings():
        method = one_of(
            st.segmented_control,
            "Method",
            OFFERED,
            format_func=method_title,
            default="full",
            key="forgetting_method",
            bind="query-params",
        )
        steps = st.number_input("Steps", 1, 500, STEPS, key="forgetting_steps", bind="query-params")
        seed = st.number_input("Seed", 0, 9999, 0, key="forgetting_seed", bind="query-params")
    usual = TEXTBOOK_RATE if method == "full" else default_learning_rate(method)
    with place:
        rate = rate_slider(usual, key=f"forgetting_rate_{method}", rates=WIDE_RATES)
    return collapse(method=method, rate=rate, steps=steps, seed=seed)


def set_controls(config: RunConfig) -> None:
    """Put a config into the controls of `settings`."""
    method = config.method.name
    st.session_state["forgetting_method"] = method
    st.session_state[f"forgetting_rate_{method}"] = config.optimizer.learning_rate
    st.session_state["forgetting_steps"] = config.optimizer.steps
    st.session_state["forgetting_seed"] = config.seed


def spells(config: RunConfig) -> bool:
    """Whether the controls of `settings` can be set to a config."""
    method, optimizer = config.method.name, config.optimizer
    reached = {
        "method.name": OFFERED,
        "optimizer.learning_rate": WIDE_RATES,
        "optimizer.steps": range(1, 501),
        "seed": SEEDS,
    }
    return within(config, reached) and config == collapse(
        method=method, rate=optimizer.learning_rate, steps=optimizer.steps, seed=config.seed
    )


def one_task() -> RunConfig:
    """The textbook's experiment; returns its settings for the sequence below."""
    left, right = experiment()
    with left:
        predict(COURSE, name="run")
        button = st.container()
        config = settings()
        with button:
            run_id = run_button(config, "Run", key="forgetting_run", name="run")
        if run_id:
            other_settings(config, run_id, key="forgetting", name="run")
            ask_while_waiting(COURSE, run_id)

    with right:
        if not run_id:
            shown = answer(
                config,
                draw,
                key="forgetting",
                name="run",
                collections=("forgetting",),
                turned=TURNED,
                set_controls=set_controls,
                course=COURSE,
            )
        else:
            shown = events_of(run_id) if store().get(run_id).status.is_over else []
            show_outcome_of(COURSE, run_id)
            forgetting_view(run_id)
    if shown:
        why()
        scrub(shown, key=run_id or config.hash)
    return config


def why() -> None:
    """Why tasks are lost, and the gentle rate to try next."""
    st.markdown(
        "**Why?** The loss sees reviews and nothing else. Every step moves the weights to where "
        "reviews are answered better, and nothing in the loss holds back what other prompts need "
        "from the same weights. How far they move is set, roughly, by the learning rate times the "
        "number of steps."
    )

    def choose_gentle() -> None:
        st.session_state["forgetting_method"] = "full"
        st.session_state["forgetting_rate_full"] = GENTLE_RATE

    st.button(
        f"Set a gentle rate, {decimals(GENTLE_RATE)}, then run again",
        on_click=choose_gentle,
        key="forgetting_gentle",
    )


def sequence(single: RunConfig) -> None:
    """Several tasks in turn with the settings of `single`, and the matrix of what is left."""
    st.header("One task after another")
    st.markdown(
        "This is the **sequential** setting: tune on one task, then the next, then the next, each time "
        "on the weights that the last one left, with the method and rate from above. No task is seen "
        "again after its turn. What is left of the first?"
    )
    tasks = st.multiselect(
        "Tasks, in the order you choose them",
        TRAINABLE,
        default=list(SEQUENCE),
        format_func=lambda task: catalog.TASKS[task].title,
        max_selections=4,
        key="forgetting_sequence",
        bind="query-params",
    )
    if len(tasks) < 2:
        st.caption("Choose at least two tasks.")
        return
    config = in_sequence(single, tasks)
    run_id = run_button(config, "Run the sequence", key="forgetting_sequence_run", name="sequence")
    if not run_id:
        if shipped := recorded_run(config):
            st.caption(f"A recorded run of this sequence. {shipped.where}")
            what_is_left(shipped.events())
        return
    if run_id == st.query_params.get("run"):
        st.caption("This run’s curves are drawn above.")
    else:
        forgetting_view(run_id)
    what_is_left(events_of(run_id))


def what_is_left(events: list[Event]) -> None:
    """The matrix of a sequence, and the three numbers that are made of it."""
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


begin(COURSE)
sequence(one_task())
end(COURSE, name="run")
lab_report(COURSE, name="run", set_controls=set_controls, spells=spells)
