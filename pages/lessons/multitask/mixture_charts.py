"""Mixtures of tasks drawn: groups of tasks over their number, and scores with their intervals."""

import altair as alt
import pandas as pd

from core import catalog
from core.experiments.mixtures import (
    GENERAL,
    HELD_OUT,
    TRAINED,
)
from pages.lessons.multitask.mixtures import ALONE, BASE_MODEL, TOGETHER
from pages.shared.colours import BLUE, GREY, ORANGE, TASK_COLOURS
from pages.shared.two_lines import line_marks

GROUPS = {
    "trained": ("Tasks trained on", BLUE),
    "untrained": ("Tasks of this lesson not trained on", ORANGE),
    "held_out": (f"{catalog.TASKS[HELD_OUT].title}, held out", TASK_COLOURS[HELD_OUT]),
    "general": (catalog.TASKS[GENERAL].title, TASK_COLOURS[GENERAL]),
}
KINDS = {BASE_MODEL: GREY, ALONE: ORANGE, TOGETHER: BLUE}
SHAPES = {BASE_MODEL: "circle", ALONE: "diamond", TOGETHER: "square"}
SCORE = alt.Scale(domain=[0, 1])
TICKS = alt.Axis(tickCount=5, format=".1f")
Chart = alt.LayerChart | alt.FacetChart


def group_chart(rows: pd.DataFrame, name: str) -> Chart:
    """One group of tasks over the number of tasks trained on: runs, their means, and the base model."""
    title, colour = GROUPS[name]
    mine = rows.query("group == @name")
    recorded = mine.query("not own")
    means = recorded.pivot_table(
        index="k", values=["score", "low", "high", "base", "base_low", "base_high"]
    ).reset_index()
    x = alt.X(
        "k:Q",
        title="tasks trained on at once",
        scale=alt.Scale(domain=[0.7, len(TRAINED) + 0.3]),
        axis=alt.Axis(values=list(range(1, len(TRAINED) + 1)), format="d", grid=False),
    )
    y = alt.Y("score:Q", title="mean score", scale=SCORE)
    tooltip = ["tasks", "seed", alt.Tooltip("score", format=".2f")]
    chart = alt.Chart(means)  # no line: each k has other tasks
    base_bars = chart.mark_rule(color=GREY, strokeWidth=2, opacity=0.45, xOffset=-6)
    start = chart.mark_point(color=GREY, filled=True, size=60, xOffset=-6, opacity=1)
    bars = chart.mark_rule(color=colour, strokeWidth=3, opacity=0.45)
    ends = chart.mark_point(color=colour, filled=True, size=110, shape="square", opacity=1)
    dots = alt.Chart(recorded).mark_circle(color=colour, size=45, opacity=0.6)
    own = mine.query("own")
    rings = alt.Chart(own).mark_point(color=colour, size=170, filled=False, strokeWidth=2)
    layers = (
        base_bars.encode(
            x=x, y=alt.Y("base_low:Q", title="mean score", scale=SCORE), y2="base_high:Q"
        )
        + start.encode(x=x, y=alt.Y("base:Q", scale=SCORE))
        + bars.encode(x=x, y=alt.Y("low:Q", scale=SCORE), y2="high:Q")
        + ends.encode(x=x, y=y)
        + dots.encode(x=x, y=y, tooltip=tooltip)
    )
    if not own.empty:  # an empty layer has nothing to say to a screen reader
        layers += rings.encode(x=x, y=y, tooltip=tooltip)
    return layers.properties(title=title, height=270, description=f"{title}: mean score by k")


def dot_chart(rows: pd.DataFrame, y_name: str, *, with_offset: bool) -> Chart:
    """Scores with their intervals, one row per value of `y_name`; kinds beside each other if asked."""
    order = list(dict.fromkeys(rows[y_name]))
    kinds = list(KINDS)
    axis = alt.Axis(labelLimit=140, labelOverlap=False, grid=not with_offset)
    y = alt.Y(f"{y_name}:N", title=None, sort=order, axis=axis)
    beside = alt.YOffset("kind:N", sort=kinds, scale=alt.Scale(paddingOuter=0.6))
    offset = beside if with_offset else alt.Undefined
    legend = alt.Legend(orient="top", columns=2, title=None, symbolOpacity=1)
    palette = alt.Scale(domain=kinds, range=list(KINDS.values()))
    shapes = alt.Scale(domain=kinds, range=list(SHAPES.values()))
    colour = alt.Color("kind:N", scale=palette, legend=legend)
    chart = alt.Chart(rows)
    bars = chart.mark_rule(strokeWidth=3, opacity=0.45).encode(
        x=alt.X("low:Q", title="score on test examples", scale=SCORE, axis=TICKS),
        x2="high:Q",
        color=colour,
        y=y,
        yOffset=offset,
    )
    dots = chart.mark_point(filled=True, size=90, opacity=1).encode(
        x=alt.X("score:Q", scale=SCORE, axis=TICKS),
        color=colour,
        shape=alt.Shape("kind:N", scale=shapes, legend=legend),
        tooltip=[y_name, "kind", *(alt.Tooltip(v, format=".2f") for v in ("score", "low", "high"))],
        y=y,
        yOffset=offset,
    )
    row_px = 64 if with_offset else 32
    lines = line_marks(rows, scale=SCORE, y=y, yOffset=offset)
    return alt.layer(bars, dots, *lines).properties(height=row_px * len(order) + 110)
