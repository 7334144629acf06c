"""Several runs beside each other: settings that differ, curves in one chart, answers, and all of it to take home."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from itertools import cycle
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core import catalog
from core.evaluate.examples import to_csv
from core.evaluate.limits import sample_as_shown
from core.events import Evaluation, Event, Sample, Step
from core.runs.listing import Marked, as_json, differing, rows
from core.runs.names import told_apart
from core.runs.store import Run
from pages.shared.cards import shared_words
from pages.shared.colours import AMBER, BLUE, GREEN, ORANGE
from pages.shared.engine import events_of, store

MOST_COMPARED = 12
COLOURS = (BLUE, ORANGE, GREEN, AMBER, "#CC79A7", "#56B4E9")
DASHES = ("solid", "dot", "dash", "dashdot", "longdash")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star")
PNG = {"displayModeBar": True, "displaylogo": False, "toImageButtonOptions": {"scale": 2}}


def compare_runs(runs: Sequence[Run]) -> None:
    """Settings that differ, loss and score curves in one chart each, answers side by side, downloads."""
    names = names_of(runs, store().marks.all())
    differences = differing(runs)
    if not differences:
        st.caption("These runs have the same settings.")
    else:
        st.markdown("**Settings that differ**")
        columns = {"setting": list(differences)}
        for place, run in enumerate(runs):
            columns[names[run.id]] = [values[place] for values in differences.values()]
        st.dataframe(pd.DataFrame(columns), hide_index=True, width="stretch")
    events = {names[run.id]: events_of(run.id) for run in runs}
    left, right = st.columns(2)
    left.plotly_chart(loss_figure(events), width="stretch", key="runs_compare_loss", config=PNG)
    right.plotly_chart(score_figure(events), width="stretch", key="runs_compare_score", config=PNG)
    downloads(runs)
    compare_answers(events)


def names_of(runs: Sequence[Run], marks: Marked) -> dict[str, str]:
    """What each run is called here: the name it was given, else what tells it from the others."""
    told = told_apart(runs)
    found = {
        run.id: (marks[run.id].name if run.id in marks else "") or told[run.id] for run in runs
    }
    if len(set(found.values())) == len(found):
        return found
    return {run_id: f"{name} ({run_id[-6:]})" for run_id, name in found.items()}


def downloads(runs: Sequence[Run]) -> None:
    """The runs as CSV and JSON; a chart is saved as PNG by its own button."""
    marks = store().marks.all()
    csv, as_text, words = st.columns([1, 1, 2], vertical_alignment="center")
    csv.download_button(
        "Download CSV",
        to_csv(rows(runs, marks)),
        "runs.csv",
        "text/csv",
        key="runs_csv",
        width="stretch",
    )
    as_text.download_button(
        "Download JSON",
        json.dumps(as_json(runs, marks), indent=2, ensure_ascii=False),
        "runs.json",
        "application/json",
        key="runs_json",
        width="stretch",
    )
    words.caption("The camera above a chart saves it as PNG.")


def compare_answers(events: dict[str, list[Event]]) -> None:
    """What each answered last, once it had trained; the base model's answers are none of theirs."""
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


def styles(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """A colour and a symbol for each run; those with the same colour have other dashes."""
    n = len(COLOURS)
    return {
        name: {
            "line": {"color": COLOURS[i % n], "dash": DASHES[i // n % len(DASHES)]},
            "marker": {"symbol": SYMBOLS[i % len(SYMBOLS)], "color": COLOURS[i % n]},
        }
        for i, name in enumerate(names)
    }


def loss_figure(events: Mapping[str, Sequence[Event]]) -> go.Figure:
    figure = go.Figure()
    for name, style in styles(list(events)).items():
        steps = [e for e in events[name] if isinstance(e, Step)]
        figure.add_scatter(
            x=[e.step for e in steps],
            y=[e.loss for e in steps],
            name=escape(name),  # Plotly reads tags
            mode="lines",
            line=style["line"],
        )
    return figure.update_layout(
        title="Training loss",
        xaxis_title="optimizer step",
        yaxis_title="loss (nats per token)",
        legend={"orientation": "h", "y": -0.25},
    )


def score_figure(events: Mapping[str, Sequence[Event]]) -> go.Figure:
    """A mark with its interval at each check, joined by a thin line."""
    figure = go.Figure()
    for name, style in styles(list(events)).items():
        found = [e for e in events[name] if isinstance(e, Evaluation)]
        tasks = list(dict.fromkeys(e.task for e in found))
        for task, dash in zip(tasks, cycle(DASHES), strict=False):
            points = [e for e in found if e.task == task]
            scores = [e.score for e in points]
            figure.add_scatter(
                x=[e.step for e in points],
                y=scores,
                name=escape(name)
                + (f": {catalog.task_title(task).lower()}" if len(tasks) > 1 else ""),
                mode="lines+markers",
                line={"color": style["line"]["color"], "dash": dash, "width": 1},
                marker={**style["marker"], "size": 9},
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
