"""What was clicked: one run replayed, or several beside each other."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.course.lessons import name_of
from core.events import Event, Step
from core.recorded import find_run
from pages.lab.explore.figures import PALETTE, words
from pages.lab.explore.points import OWN, Column, Row, Value
from pages.shared.engine import events_of, store
from pages.shared.live import draw_run
from pages.shared.plain import plain
from pages.shared.replay import replay
from pages.shared.run_button import RUNS

LESSON_OF = {
    "forgetting": "forgetting",
    "sequences": "forgetting",
    "mitigations": "cures",
    "mixtures": "multitask",
    "methods": "peft",
    "ranks": "lora",
    "targets": "lora",
    "sweep": "lora",
    "soft_prompts": "soft_prompts",
    "single_tasks": "evaluation",
    "prompting": "choice",
}
"""Where the runs of a collection are explained."""


def open_run(row: Row) -> None:
    """One run: played where it is recorded, with a link to where more is said of it."""
    run_id = row.run_id
    st.header(plain(row.name))
    if row.origin == OWN:
        st.page_link(
            RUNS,
            label="Open it on the page Runs",
            icon=":material/arrow_forward:",
            query_params={"run": run_id},
        )
        draw_run(store().get(run_id), events_of(run_id))
        return
    if lesson := LESSON_OF.get(row.collection):
        st.page_link(
            f"pages/lessons/{lesson}/page.py",
            label=f"{name_of(lesson)} explains such runs",
            icon=":material/arrow_forward:",
        )
    found = find_run(run_id)
    replay(found, draw_run, key="explore")
    st.code(found.command, language=None, wrap_lines=True)


def compare(rows: Sequence[Row], known: dict[str, Column]) -> None:
    """What differs between runs, and their losses in one chart."""
    names = _told_apart(rows)
    st.header(f"{len(rows)} runs compared")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        figure = go.Figure()
        for paint, row in zip(PALETTE, rows, strict=False):
            steps = [e for e in _events(row) if isinstance(e, Step)]
            figure.add_scatter(
                x=[e.step for e in steps],
                y=[e.loss for e in steps],
                name=names[row.run_id],
                line={"color": paint},
            )
        figure.update_layout(
            xaxis_title="optimizer step",
            yaxis_title="training loss (nats per token)",
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
            height=380,
            margin={"l": 10, "r": 10, "t": 10},
        )
        st.plotly_chart(figure, width="stretch", key="explore_losses", alt="Training losses")
    with right:
        st.dataframe(difference_table(rows, known, names), hide_index=True, width="stretch")
        st.caption("One run each: with other seeds these figures come out a little differently.")


def difference_table(
    rows: Sequence[Row], known: dict[str, Column], names: dict[str, str]
) -> pd.DataFrame:
    """Settings in which the runs differ, then all results that one of them has; a dash where one has none."""
    lines: list[dict[str, str]] = []
    for column in known.values():
        values = {row.run_id: row.values.get(column.name) for row in rows}
        differ = len(set(values.values())) > 1
        if not differ and (not column.is_result or None in values.values()):
            continue
        cells = {names[run_id]: _cell(value, column) for run_id, value in values.items()}
        lines.append({"": column.title, **cells})
    return pd.DataFrame(lines)


def _cell(value: Value, column: Column) -> str:
    if value is None:
        return "–"
    if isinstance(value, str) or not column.is_result:
        return words(value)
    return f"{value:.2f}" if abs(value) <= 1 else f"{value:,.0f}"


def _told_apart(rows: Sequence[Row]) -> dict[str, str]:
    """A name for each run; with the end of its id where several are alike."""
    names = [row.name for row in rows]
    return {
        row.run_id: f"{row.name} (…{row.run_id[-6:]})" if names.count(row.name) > 1 else row.name
        for row in rows
    }


def _events(row: Row) -> list[Event]:
    if row.origin == OWN:
        return events_of(row.run_id)
    return find_run(row.run_id).events(Step)
