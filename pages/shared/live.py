"""A run as it happens: status, curves, answers. Polls the store, so a reload loses nothing."""

from collections.abc import Callable
from math import exp, isfinite
from statistics import median
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from core import catalog
from core.errors import UserError
from core.evaluate.limits import cut_lines
from core.evaluate.overlap import WORDS_ONLY
from core.events import Evaluation, Event, Notice, Sample, Step, Validation
from core.runs.states import RunStatus
from core.runs.store import Run
from pages.shared.cards import cards_of, show_cards
from pages.shared.colours import AMBER, BLUE, GREEN, GREY
from pages.shared.engine import engine, events_of, spare_the_collector, store

POLL_S = 1.0
CHART_HEIGHT = 340
LINES = alt.Legend(orient="top", symbolType="stroke", symbolStrokeWidth=3)
"""A legend of lines: their marks would be drawn with the lines' dashes."""


def follow(run_id: str, draw: Callable[[Run, list[Event]], None]) -> None:
    """A run's status and what `draw` makes of its events, anew while the run waits or trains."""
    spare_the_collector()
    active = not store().get(run_id).status.is_over
    st.fragment(_follow, run_every=POLL_S if active else None)(run_id, draw, active)


def _follow(run_id: str, draw: Callable[[Run, list[Event]], None], was_active: bool) -> None:
    try:
        run = store().get(run_id)
        if was_active and run.status.is_over:
            st.rerun()  # draw the page around it again, and stop polling
        events = events_of(run_id)
        show_status(run, events)
        draw(run, events)
    except UserError as error:  # app.py does not see what happens in a fragment
        st.error(str(error))


def run_view(run_id: str) -> None:
    """Everything about a run."""
    follow(run_id, _view)


def _view(run: Run, events: list[Event]) -> None:
    steps = [e for e in events if isinstance(e, Step)]
    if steps:
        left, right = st.columns(2)
        wanted = planned_steps(run.config_dict)
        left.altair_chart(loss_chart(events, wanted), width="stretch")
        scores = score_chart(events, wanted, run.config_dict["data"]["task"])
        right.altair_chart(scores, width="stretch")
        right.caption(
            f"Precision, recall and F1: words shared with the right answer (ROUGE-1). {WORDS_ONLY}"
        )
    evaluations = [e for e in events if isinstance(e, Evaluation)]
    if evaluations:
        with st.expander("Scores in numbers, with 95 % intervals"):
            st.dataframe(score_table(evaluations), hide_index=True)
    samples = [e for e in events if isinstance(e, Sample)]
    if samples:
        st.markdown("**The same prompts, asked again at every check**")
        show_cards(cards_of(samples))


def planned_steps(config: dict[str, Any]) -> int:
    """Optimizer steps of a whole run: with a sequence of tasks, those of every task."""
    data = config["data"]
    n_stages = 1 + len(data.get("others", ())) if data.get("order") == "sequential" else 1
    return config["optimizer"]["steps"] * n_stages


def show_status(run: Run, events: list[Event]) -> None:
    """Where a run is, why it ended, and the button that stops it."""
    wanted = planned_steps(run.config_dict)
    steps = [e for e in events if isinstance(e, Step)]
    done = steps[-1].step if steps else 0
    if run.status is RunStatus.QUEUED:
        place = store().queue_position(run.id)
        text = f"Waiting: number {place} in the queue."
        if not engine().is_warm("train"):
            text += " The worker is loading the model."
        st.progress(0.0, text=text)
    elif run.status is RunStatus.RUNNING:
        asked = " Stopping…" if run.stop_requested else ""
        text = f"Step {done} of {wanted}" if done else "Measuring the base model first"
        st.progress(done / wanted, text=f"{text}.{asked}")
    elif run.status is RunStatus.FAILED:
        st.error(run.reason)
    else:
        seconds = (run.ended_at or 0) - (run.started_at or run.created_at)
        st.success(f"{run.status.capitalize()} after {done} steps, {seconds:.0f} s. {run.reason}")
    for event in events:
        if isinstance(event, Notice):
            st.caption(event.message)
    if cut := cut_lines([e for e in events if isinstance(e, Evaluation)]):
        st.caption(f"{'; '.join(cut)}.")
    if not run.status.is_over and st.button("Stop", key=f"live_stop_{run.id}"):
        engine().cancel(run.id)
    if steps:
        last, usual_s = steps[-1], median(e.step_s for e in steps)
        st.caption(
            f"{run.config_dict['optimizer']['batch_size'] / usual_s:.0f} examples/s, "
            f"{usual_s:.2f} s per step (median). The last step: "
            f"{last.tokens_computed} tokens computed where a padded batch would take "
            f"{last.tokens_padded}."
        )


def step_axis(n_steps: int) -> alt.X:
    """The whole run from the start, so that the curves grow into a fixed frame."""
    return alt.X(
        "step:Q",
        title="optimizer step",
        scale=alt.Scale(domain=[0, n_steps]),
        axis=alt.Axis(tickMinStep=1, format="d"),
    )


def loss_title(first: float, last: float) -> str:
    """A loss in nats per token, and what it means: the right token's probability is e to the minus loss
    (over tokens, their geometric mean)."""
    return f"Loss {first:.2f} → {last:.2f}: right token {exp(-first):.0%} → {exp(-last):.0%}"


def loss_chart(events: list[Event], n_steps: int) -> alt.Chart | alt.LayerChart | alt.FacetChart:
    """Training loss per step and validation loss at the checks."""
    rows = [
        {
            "step": e.step,
            "loss": e.loss,
            "set": "training" if isinstance(e, Step) else "validation",
        }
        for e in events
        if isinstance(e, Step | Validation) and isfinite(e.loss)
    ]
    training = [e.loss for e in events if isinstance(e, Step) and isfinite(e.loss)]
    title = loss_title(training[0], training[-1])
    colour = alt.Color(
        "set:N",
        title=None,
        scale=alt.Scale(domain=["training", "validation"], range=[GREY, BLUE]),
        legend=LINES,
    )
    return (
        alt.Chart(pd.DataFrame(rows), title=title, height=CHART_HEIGHT)
        .mark_line(point=True)
        .encode(
            x=step_axis(n_steps),
            y=alt.Y("loss:Q", title="loss (nats per token)", scale=alt.Scale(zero=True)),
            color=colour,
            strokeDash=alt.StrokeDash("set:N", legend=None),
            tooltip=["step", "set", alt.Tooltip("loss", format=".3f")],
        )
        .properties(description=title)
    )


def score_chart(
    events: list[Event], n_steps: int, task: str
) -> alt.Chart | alt.LayerChart | alt.FacetChart:
    """Main score with its interval, precision, recall and F1 of the trained task."""
    found = [e for e in events if isinstance(e, Evaluation) and e.task == task]
    metric = found[-1].metric.replace("_", " ")
    measures = {"score": metric, "precision": "precision", "recall": "recall", "f1": "F1"}
    rows = [
        {"step": e.step, "measure": name, "value": getattr(e, key), "n": e.n}
        for e in found
        for key, name in measures.items()
    ]
    bands = [{"step": e.step, "low": e.interval[0], "high": e.interval[1]} for e in found]
    title = f"{catalog.task_title(task)}: {metric} {found[-1].score:.2f}"
    title += f" on {found[-1].n} test examples"
    x = step_axis(n_steps)
    scale = alt.Scale(domain=[0, 1])
    band = (
        alt.Chart(pd.DataFrame(bands))
        .mark_area(opacity=0.18, color=BLUE)
        .encode(x=x, y=alt.Y("low:Q", scale=scale, title="share of 1"), y2="high:Q")
    )
    lines = (
        alt.Chart(pd.DataFrame(rows))
        .mark_line(point=True)
        .encode(
            x=x,
            y=alt.Y("value:Q", scale=scale),
            color=alt.Color(
                "measure:N",
                title=None,
                scale=alt.Scale(
                    domain=list(measures.values()), range=[BLUE, AMBER, GREEN, "#CC79A7"]
                ),
                legend=LINES,
            ),
            strokeDash=alt.StrokeDash("measure:N", legend=None),
            tooltip=["step", "measure", alt.Tooltip("value", format=".2f"), "n"],
        )
    )
    return (band + lines).properties(title=title, height=CHART_HEIGHT, description=title)


def score_table(evaluations: list[Evaluation]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "step": e.step,
                "task": catalog.task_title(e.task),
                "examples": e.n,
                e.metric: round(e.score, 3),
                "95 % interval": f"{e.interval[0]:.2f} to {e.interval[1]:.2f}",
                "precision": round(e.precision, 3),
                "recall": round(e.recall, 3),
                "F1": round(e.f1, 3),
            }
            for e in evaluations
        ]
    )
