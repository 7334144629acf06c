"""Runs as tables and comparisons."""

from itertools import cycle

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core import catalog
from core.evaluate.limits import sample_as_shown
from core.events import Evaluation, Event, Sample, Step
from core.runs.names import flat, run_name, told_apart
from core.runs.store import Run
from pages.shared.cards import shared_words
from pages.shared.engine import events_of, store

COLOURS = ("#0072B2", "#D55E00")
DASHES = ("solid", "dot", "dash", "dashdot", "longdash")
COLUMNS = {
    "run": st.column_config.TextColumn(width=240),
    "started": st.column_config.DatetimeColumn(format="D MMM, HH:mm"),
    "MB": st.column_config.NumberColumn(format="%.1f", help="On disk"),
}


def run_table(runs: list[Run]) -> pd.DataFrame:
    """One row per run, newest first."""
    return pd.DataFrame(
        [
            {
                "run": run_name(run.config_dict),
                "status": str(run.status),
                "score": score_text(run),
                "steps": run.unchecked_config.optimizer.steps,
                "started": pd.Timestamp(run.created_at, unit="s", tz="UTC").tz_convert(None),
                "MB": store().size_bytes(run.id) / 1e6,
                "id": f"…{run.id[-6:]}",
            }
            for run in runs
        ]
    )


def score_text(run: Run) -> str:
    task = run.unchecked_config.data.task
    first, last = run.summary.first_scores.get(task), run.summary.scores.get(task)
    return "" if first is None or last is None else f"{first:.2f} → {last:.2f}"


def differences(a: Run, b: Run) -> pd.DataFrame:
    """The settings in which two runs differ."""
    one, two = flat(a.config_dict), flat(b.config_dict)
    names = [name for name in one | two if one.get(name) != two.get(name)]
    return pd.DataFrame(
        {
            "setting": names,
            f"first ({a.id})": [one.get(n, "") for n in names],
            f"second ({b.id})": [two.get(n, "") for n in names],
        }
    )


def compare_runs(a: Run, b: Run) -> None:
    """Settings that differ, loss and score curves in one chart each, answers side by side."""
    differing = differences(a, b)
    if differing.empty:
        st.caption("Both runs have the same settings.")
    else:
        st.dataframe(differing, hide_index=True, width="stretch")
    names = told_apart((a, b))
    events = {names[run.id]: events_of(run.id) for run in (a, b)}
    left, right = st.columns(2)
    left.plotly_chart(_loss_figure(events), width="stretch", key="runs_compare_loss")
    right.plotly_chart(_score_figure(events), width="stretch", key="runs_compare_score")
    compare_answers(events)


def compare_answers(events: dict[str, list[Event]]) -> None:
    """What both answered last, once they had trained; the base model's answers are none of theirs."""
    samples = {
        name: [e for e in happened if isinstance(e, Sample) and e.step > 0]
        for name, happened in events.items()
    }
    for name in (name for name, found in samples.items() if not found):
        st.caption(f"{name}: no answer since its training began.")
    shared = shared_words([e.prompt for found in samples.values() for e in found])
    answers: dict[str, dict[str, str]] = {}
    for name, found in samples.items():
        last = max((e.step for e in found), default=0)
        for e in (e for e in found if e.step == last):
            shown = {"prompt": e.prompt[shared:], "right answer": e.reference}
            row = answers.setdefault(e.prompt, shown)
            row[f"{name}, step {last}"] = sample_as_shown(e)
    if answers:
        st.markdown("**Their last answers to the same prompts**")
        frame = pd.DataFrame(list(answers.values())).fillna("–")
        st.dataframe(frame, hide_index=True, width="stretch")


def _loss_figure(events: dict[str, list[Event]]) -> go.Figure:
    figure = go.Figure()
    for colour, (name, happened) in zip(COLOURS, events.items(), strict=True):
        steps = [e for e in happened if isinstance(e, Step)]
        figure.add_scatter(
            x=[e.step for e in steps],
            y=[e.loss for e in steps],
            name=name,
            line={"color": colour},
        )
    return figure.update_layout(
        title="Training loss of both runs",
        xaxis_title="optimizer step",
        yaxis_title="loss (nats per token)",
        legend={"orientation": "h", "y": -0.25},
    )


def _score_figure(events: dict[str, list[Event]]) -> go.Figure:
    figure = go.Figure()
    for colour, (name, happened) in zip(COLOURS, events.items(), strict=True):
        found = [e for e in happened if isinstance(e, Evaluation)]
        tasks = list(dict.fromkeys(e.task for e in found))
        for task, dash in zip(tasks, cycle(DASHES), strict=False):
            points = [e for e in found if e.task == task]
            scores = [e.score for e in points]
            figure.add_scatter(
                x=[e.step for e in points],
                y=scores,
                name=f"{name}: {catalog.task_title(task).lower()}" if len(tasks) > 1 else name,
                line={"color": colour, "dash": dash},
                error_y={
                    "array": [e.interval[1] - e.score for e in points],
                    "arrayminus": [e.score - e.interval[0] for e in points],
                },
            )
    return figure.update_layout(
        title="Main score, with 95 % intervals",
        xaxis_title="optimizer step",
        yaxis_title="share of test examples right",
        yaxis_range=[0, 1.02],
        legend={"orientation": "h", "y": -0.25},
    )
