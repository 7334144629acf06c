"""Runs as tables and comparisons."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core import catalog
from core.config import method_title
from core.evaluate.limits import sample_as_shown
from core.events import Evaluation, Event, Sample, Step
from core.runs.store import Run
from pages.shared.cards import shared_words
from pages.shared.engine import events_of, store

COLOURS = ("#0072B2", "#D55E00")
Config = dict[str, Any]


def run_table(runs: list[Run]) -> pd.DataFrame:
    """One row per run, newest first."""
    return pd.DataFrame(
        [
            {
                "started": pd.Timestamp(run.created_at, unit="s", tz="UTC").tz_convert(None),
                "status": str(run.status),
                "task": catalog.task_title(run.config_dict["data"]["task"]),
                "method": method_title(run.config_dict["method"]["name"]),
                "learning rate": run.config_dict["optimizer"]["learning_rate"],
                "steps": run.config_dict["optimizer"]["steps"],
                "seed": run.config_dict["seed"],
                "score": score_text(run),
                "MB on disk": round(store().size_bytes(run.id) / 1e6, 1),
                "run": run.id,
            }
            for run in runs
        ]
    )


def score_text(run: Run) -> str:
    task = run.config_dict["data"]["task"]
    first, last = run.summary.first_scores.get(task), run.summary.scores.get(task)
    return "" if last is None else f"{first:.2f} → {last:.2f}"


def flat(config: Config, prefix: str = "") -> dict[str, str]:
    """Nested settings as "part.name": text."""
    found: dict[str, str] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = ", ".join(value) if isinstance(value, list) else str(value)
    return found


def differences(a: Run, b: Run) -> pd.DataFrame:
    """The settings in which two runs differ."""
    one, two = flat(a.config_dict), flat(b.config_dict)
    names = [name for name in one | two if one.get(name) != two.get(name)]
    return pd.DataFrame(
        {
            "setting": names,
            a.id: [one.get(n, "") for n in names],
            b.id: [two.get(n, "") for n in names],
        }
    )


def compare_runs(a: Run, b: Run) -> None:
    """Settings that differ, loss and score curves in one chart each, answers side by side."""
    differing = differences(a, b)
    if differing.empty:
        st.caption("Both runs have the same settings.")
    else:
        st.dataframe(differing, hide_index=True, width="stretch")
    events = {run.id: events_of(run.id) for run in (a, b)}
    left, right = st.columns(2)
    left.plotly_chart(_loss_figure(events), width="stretch", key="runs_compare_loss")
    right.plotly_chart(_score_figure(events), width="stretch", key="runs_compare_score")
    samples = [(r, e) for r, happened in events.items() for e in happened if isinstance(e, Sample)]
    shared = shared_words([e.prompt for _, e in samples])
    answers: dict[str, dict[str, str]] = {}
    for run_id, e in samples:
        shown = {"prompt": e.prompt[shared:], "right answer": e.reference}
        row = answers.setdefault(e.prompt, shown)
        row[run_id] = sample_as_shown(e)  # the last one stays
    if answers:
        st.markdown("**Their last answers to the same prompts**")
        frame = pd.DataFrame(list(answers.values())).fillna("")
        st.dataframe(frame, hide_index=True, width="stretch")


def _loss_figure(events: dict[str, list[Event]]) -> go.Figure:
    figure = go.Figure()
    for colour, (run_id, happened) in zip(COLOURS, events.items(), strict=True):
        steps = [e for e in happened if isinstance(e, Step)]
        figure.add_scatter(
            x=[e.step for e in steps],
            y=[e.loss for e in steps],
            name=run_id,
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
    for colour, (run_id, happened) in zip(COLOURS, events.items(), strict=True):
        found = [e for e in happened if isinstance(e, Evaluation)]
        for task in dict.fromkeys(e.task for e in found):
            points = [e for e in found if e.task == task]
            scores = [e.score for e in points]
            figure.add_scatter(
                x=[e.step for e in points],
                y=scores,
                name=f"{run_id}, {task}",
                line={"color": colour, "dash": "solid" if task == found[0].task else "dot"},
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
