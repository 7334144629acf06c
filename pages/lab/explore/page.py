"""Lab: all runs, recorded and the reader's own, as points on any two axes."""

import hashlib
from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.course.lessons import LESSONS
from pages.lab.explore.figures import parallel, scatter, words
from pages.lab.explore.opened import compare, open_run
from pages.lab.explore.points import (
    CHANGE,
    OWN,
    SCORE,
    Column,
    Row,
    Value,
    columns,
    having,
    own_rows,
    recorded_rows,
)
from pages.shared.run_button import run_in_url

AXES = ("score.sentiment", "score.names")
COLOUR = "method.name"
LINES = (
    "method.name",
    "optimizer.learning_rate",
    "score.sentiment",
    "score.names",
    "score.general",
)
"""What is shown first, where the runs have it."""
MOST_LINES = 7
MOST_COMPARED = 4


def choose_axes(known: dict[str, Column]) -> tuple[Column, Column, Column]:
    """x, y and colour."""
    numbers = [c for c in known.values() if c.is_result] or list(known.values())
    defaults = (*(a if a in known else numbers[i % len(numbers)].name for i, a in enumerate(AXES)),)
    colour = COLOUR if COLOUR in known else next(iter(known))
    chosen: list[Column] = []
    places = st.columns(3)
    for place, label, usual in zip(
        places, ("Across", "Up", "Colour and shape"), (*defaults, colour), strict=True
    ):
        name = place.selectbox(
            label,
            list(known),
            index=list(known).index(usual),
            format_func=lambda name: known[name].title,
            key=f"explore_{label.split()[0].lower()}",
            bind="query-params",
        )
        chosen.append(known[name])
    x, y, by = chosen
    return x, y, by


def filtered(rows: Sequence[Row], known: dict[str, Column]) -> list[Row]:
    """The runs that have one of the chosen values in every chosen setting."""
    settings = [column for column in known.values() if not column.is_result]
    found = list(rows)
    with st.popover("Filter", icon=":material/filter_alt:"):
        by = st.multiselect(
            "Settings to filter by",
            [column.name for column in settings],
            format_func=lambda name: known[name].title,
            key="explore_filters",
        )
        for name in by:
            values: set[Any] = {row.values.get(name) for row in rows} - {None}
            wanted = st.multiselect(
                known[name].title,
                sorted(values),
                format_func=words,
                key=f"explore_filter_{name}",
                help=known[name].help or None,
            )
            if wanted:
                found = [row for row in found if row.values.get(name) in wanted]
    return found


def points_and_table(rows: Sequence[Row], axes: tuple[Column, Column, Column]) -> list[Row]:
    """The chart and the table beside it; returns the runs chosen in either, else the one in the address."""
    x, y, colour = axes
    left, right = st.columns([3, 2], gap="medium")

    def place(row: Row) -> Any:
        return row.values[y.name]

    shown = sorted(having(rows, x.name, y.name), key=place, reverse=True)
    with left:
        event: Any = st.plotly_chart(
            scatter(rows, x, y, colour),
            width="stretch",
            on_select="rerun",
            selection_mode=("points", "box"),
            key="explore_points",
            alt=f"{len(shown)} runs: {x.title} across, {y.title} up, by {colour.title}",
        )
        if left_out := len(rows) - len(shown):
            st.caption(f"{left_out} runs have no {x.title} or no {y.title}, so they are not drawn.")
    with right:
        selected: Any = st.dataframe(
            [row_shown(row, axes) for row in shown],
            hide_index=True,
            width="stretch",
            height=480,
            on_select="rerun",
            selection_mode="multi-row",
            column_config={
                "run": st.column_config.TextColumn(width=220),
                **{
                    c.title: st.column_config.NumberColumn(format="%.2f")
                    for c in axes
                    if c.name.startswith((SCORE, CHANGE))
                },
            },
            key=f"explore_table_{_rows_key(shown, axes)}",
        )
    in_table = [shown[n].run_id for n in selected["selection"]["rows"] if n < len(shown)]
    in_chart = [point["customdata"][0] for point in event["selection"]["points"]]
    by_id = {row.run_id: row for row in rows}
    chosen = [by_id[run] for run in dict.fromkeys((*in_table, *in_chart)) if run in by_id]
    linked = by_id.get(st.query_params.get("run", ""))
    return chosen or ([linked] if linked else [])


def row_shown(row: Row, axes: Sequence[Column]) -> dict[str, Value]:
    """A run in the table."""
    x, y, colour = axes
    said = {column.title: row.values.get(column.name) for column in (y, x, colour)}
    return {**said, "run": row.name, "origin": row.origin}


def _rows_key(shown: Sequence[Row], axes: Sequence[Column]) -> str:
    """A selection is of rows: the table is another one once its rows are others."""
    text = " ".join([*(row.run_id for row in shown), *(column.name for column in axes)])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def lines(rows: Sequence[Row], known: dict[str, Column]) -> None:
    """Parallel coordinates."""
    st.header("All settings at once")
    names = st.multiselect(
        f"Axes, {MOST_LINES} at most",
        list(known),
        default=[name for name in LINES if name in known],
        format_func=lambda name: known[name].title,
        max_selections=MOST_LINES,
        key="explore_lines",
    )
    shown = [known[name] for name in names]
    numbers = [column for column in shown if column.is_number]
    if len(shown) < 2 or not numbers:
        st.caption("Choose at least two axes, one of them a number.")
        return
    whole = having(rows, *names)
    if not whole:
        st.caption("No run has all of these. Take one away.")
        return
    colour = numbers[-1]
    with st.container(key="explore_wide"):  # on a phone it is moved sideways
        st.plotly_chart(
            parallel(whole, shown, colour),
            width="stretch",
            key="explore_parallel",
            alt=f"{len(whole)} runs as lines over {', '.join(c.title for c in shown)}",
        )
    left_out = len(rows) - len(whole)
    st.caption(
        f"Each line is a run, the lighter the higher its {colour.title}. Drag along an axis to keep only the runs that pass there; drag an axis by its name to move "
        "it." + (f" {left_out} runs lack one of these and are left out." if left_out else "")
    )


def nothing_yet() -> None:
    st.write(
        "No runs yet: none is recorded, and none of yours is finished. Train a model and it appears here."
    )
    first = next(lesson for lesson in LESSONS if lesson.id == "instruction")
    st.page_link(
        f"pages/lessons/{first.id}/page.py",
        label="Train your first model",
        icon=":material/arrow_forward:",
    )


st.title("Explore")
rows = [*recorded_rows(), *own_rows()]
if all(row.run_id != st.query_params.get("run") for row in rows):
    run_in_url("run")  # where it is gone, that is said
if not rows:
    nothing_yet()
    st.stop()
n_own = sum(row.origin == OWN for row in rows)
st.markdown(
    f"**{len(rows)} runs, each a point:** {len(rows) - n_own} recorded, {n_own} of yours, drawn larger. Choose what "
    "the axes mean. A click on a point opens its run; two or more are compared."
)
known = columns(rows)
axes = choose_axes(known)
rows = filtered(rows, known)
if not rows:
    st.caption("No run passes these filters. Take one away.")
    st.stop()
chosen = points_and_table(rows, axes)
if len(chosen) == 1:
    open_run(chosen[0])
elif chosen:
    if len(chosen) > MOST_COMPARED:
        st.caption(f"{len(chosen)} runs are chosen; the first {MOST_COMPARED} are compared.")
    compare(chosen[:MOST_COMPARED], known)
else:
    st.caption(
        "Nothing is chosen. Click a point, or tick rows of the table; hold Shift to choose several points."
    )
lines(rows, known)
