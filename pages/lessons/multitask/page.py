"""Lesson: multi-task tuning. Several tasks in every batch, and what that keeps."""

import streamlit as st

from core import catalog
from core.config import RunConfig, default_learning_rate, method_title
from core.course import content
from core.course.measured_run import MeasuredRun
from core.experiments import record
from core.experiments.mixtures import (
    CHECK_EVERY,
    HELD_OUT,
    METHOD,
    RATE,
    STEPS,
    TRAINED,
    mixture_config,
)
from pages.lessons.multitask.held_out import what_was_learned
from pages.lessons.multitask.live_scores import draw, mixture_view, shares
from pages.lessons.multitask.mixture_charts import GROUPS, dot_chart, group_chart
from pages.lessons.multitask.mixtures import (
    alone_finding,
    alone_rows,
    carry_finding,
    carry_rows,
    forgetting_finding,
    group_rows,
    own_mixtures,
    recorded_mixtures,
)
from pages.lessons.multitask.tiles import first_screen, tiles
from pages.shared.answers import answer, other_settings
from pages.shared.ask import ask_while_waiting
from pages.shared.engine import events_of, store
from pages.shared.lab_report import lab_report
from pages.shared.layout import experiment, more_settings
from pages.shared.one_of import one_of
from pages.shared.predict import predict, show_outcome, show_outcome_of
from pages.shared.run_button import run_button, run_in_url
from pages.shared.settings import RATES, SEEDS, rate_slider, within
from pages.shared.thread import begin, end
from pages.shared.two_lines import CAPTION, are_measured

COURSE = content.lesson("multitask")

COMMAND = "python -m core record --only mixtures"
EQUAL = 5
TURNED = (
    "data.task",
    "data.others",
    "data.weights",
    "method.name",
    "optimizer.learning_rate",
    "optimizer.steps",
    "seed",
)


def title_of(task: str) -> str:
    return catalog.TASKS[task].title


def mixing_weights(tasks: list[str]) -> tuple[float, ...]:
    """A slider per task; empty when all are equal, as in the recorded runs."""
    places = st.columns(2)
    weights = [
        places[i % 2].slider(
            f"Weight of {title_of(task)}",
            1,
            10,
            EQUAL,
            key=f"multitask_weight_{task}",
            bind="query-params",
        )
        for i, task in enumerate(tasks)
    ]
    return () if len(set(weights)) == 1 else tuple(map(float, weights))


def mix() -> tuple[RunConfig | None, str]:
    """Tasks, a guess and Run in sight, the rest in a popover; returns settings and the run in the address, or ""."""
    chosen = st.pills(
        "Tasks in every batch",
        TRAINED,
        selection_mode="multi",
        default=TRAINED,
        format_func=title_of,
        key="multitask_tasks",
        bind="query-params",
        wrap=True,
    )
    tasks = [task for task in TRAINED if task in chosen]
    if not tasks:
        st.caption("Choose at least one task.")
        return None, run_in_url("mix")
    batch = st.container()
    predict(COURSE, name="mix")
    button = st.container()
    with more_settings("Weights, method, rate"):
        method = one_of(
            st.segmented_control,
            "Method",
            ["full", "lora"],
            format_func=method_title,
            default=METHOD,
            key="multitask_method",
            bind="query-params",
        )
        usual = RATE if method == METHOD else default_learning_rate(method)
        rate = rate_slider(usual, key=f"multitask_rate_{method}")
        left, right = st.columns(2)
        steps = left.number_input(
            "Steps", 1, 500, STEPS, key="multitask_steps", bind="query-params"
        )
        seed = right.number_input("Seed", 0, 9999, 0, key="multitask_seed", bind="query-params")
        weights = mixing_weights(tasks)
    with batch:
        st.html(tiles(tasks, weights))
        st.caption(shares(tasks, weights or [EQUAL] * len(tasks)))
    config = mixture_config(
        tasks,
        weights=weights,
        method=method,
        rate=rate,
        steps=steps,
        seed=seed,
        every=max(CHECK_EVERY, steps // 5),
    )
    with button:
        run_id = run_button(config, "Run", key="multitask_run", name="mix")
    if run_id:
        other_settings(config, run_id, key="multitask", name="mix")
        ask_while_waiting(COURSE, run_id)
    return config, run_id


def set_controls(config: RunConfig) -> None:
    """Put a config into the controls of `mix`."""
    method, tasks = config.method.name, config.data.tasks
    weights = config.data.weights or [EQUAL] * len(tasks)
    st.session_state["multitask_tasks"] = [task for task in TRAINED if task in tasks]
    st.session_state["multitask_method"] = method
    st.session_state[f"multitask_rate_{method}"] = config.optimizer.learning_rate
    st.session_state["multitask_steps"] = config.optimizer.steps
    st.session_state["multitask_seed"] = config.seed
    for task, weight in zip(tasks, weights, strict=True):
        st.session_state[f"multitask_weight_{task}"] = int(weight)


def spells(config: RunConfig) -> bool:
    """Whether the controls of `mix` can be set to a config."""
    optimizer, weights = config.optimizer, config.data.weights
    reached = {
        "method.name": ("full", "lora"),
        "optimizer.learning_rate": RATES,
        "optimizer.steps": range(1, 501),
        "seed": SEEDS,
    }
    if not within(config, reached) or not {*config.data.tasks} <= {*TRAINED}:
        return False
    return all(weight in range(1, 11) for weight in weights) and config == mixture_config(
        config.data.tasks,
        weights=weights,
        method=config.method.name,
        rate=optimizer.learning_rate,
        steps=optimizer.steps,
        seed=config.seed,
        every=max(CHECK_EVERY, optimizer.steps // 5),
    )


def live() -> None:
    left, right = experiment()
    with left:
        config, run_id = mix()

    def compare(run: MeasuredRun) -> None:
        show_outcome(COURSE, run)
        st.caption(what_was_learned(run.events))

    with right:
        if run_id:
            show_outcome_of(COURSE, run_id)
            if store().get(run_id).status.is_over and (events := events_of(run_id)):
                st.caption(what_was_learned(events))
            mixture_view(run_id)
        else:
            if config:
                answer(
                    config,
                    draw,
                    key="multitask",
                    name="mix",
                    collections=("mixtures",),
                    turned=TURNED,
                    set_controls=set_controls,
                    course=COURSE,
                    compare=compare,
                )
            first_screen()
    st.caption(
        f"Every run is scored on all seven tasks, on general questions, and on "
        f"{title_of(HELD_OUT).lower()}, which is never trained on."
    )


def number_of_tasks() -> None:
    """Chart a: what is learned and lost, by the number of tasks."""
    recorded, own = recorded_mixtures(), own_mixtures()
    st.header("Number of tasks and forgetting")
    if not recorded:
        st.caption("No runs are recorded yet. This command makes them:")
        st.code(COMMAND, language=None, wrap_lines=True)
    if not recorded and not own:
        return
    rows = group_rows([*recorded, *own])
    if recorded:
        st.markdown(f"**{forgetting_finding(rows)}**")
    places = [*st.columns(2), *st.columns(2)]
    for place, name in zip(places, GROUPS, strict=True):
        place.altair_chart(group_chart(rows, name), width="stretch")
    if recorded:
        st.caption(
            "A small dot is a run, a square the mean of the runs; grey is the base model on the same tasks. "
            "Bars are 95 % intervals. At 1 each task was tuned on alone; at more, the first ones of the list "
            "above."
        )
    if found := record.recorded("mixtures"):
        st.caption(f"{found.where} This command made them:")
        st.code(found.command, language=None, wrap_lines=True)
    if own:
        st.caption(f"Large rings are your runs ({len(own)}), with the settings you chose.")


def all_at_once() -> None:
    """Chart b: each task's score by the base model, tuned alone and tuned together."""
    rows = alone_rows(recorded_mixtures())
    found = record.recorded("mixtures")
    if rows.empty or not found:
        return
    st.header("All at once or one at a time")
    st.markdown(f"**{alone_finding(rows)}**")
    st.altair_chart(dot_chart(rows, "task", with_offset=True), width="stretch")
    steps = found.runs[0].config.optimizer.steps
    st.caption(
        f"Every run took {steps} steps. So a task among seven got only a seventh of the examples that "
        "it got alone. Bars: 95 % intervals over test examples, mean over seeds."
    )


def carry_over() -> None:
    """Chart c: the held-out task."""
    mixtures = recorded_mixtures()
    rows = carry_rows(mixtures)
    if rows.empty:
        return
    st.header("Does it carry over?")
    task = catalog.TASKS[HELD_OUT]
    st.markdown(
        f"{task.title} is the task no run ever trained on: {task.summary.split('?')[0].lower()}?"
    )
    if finding := carry_finding(rows, mixtures):
        st.markdown(f"**{finding}**")
    st.altair_chart(dot_chart(rows, "model", with_offset=False), width="stretch")
    if are_measured(rows):
        st.caption(CAPTION)
    st.caption(f"Guessing one of {len(task.labels)} answers gives {1 / len(task.labels):.2f}.")


begin(COURSE)
live()
number_of_tasks()
all_at_once()
carry_over()
end(COURSE, name="mix")
lab_report(COURSE, name="mix", set_controls=set_controls, spells=spells)
