"""Scores at the checks of a run: a mark with its interval at each check, and no line between them.

Between two checks nothing was measured, the first and the last check ask more examples than those between, and
it is one seed: a line through a handful of them would look like a smooth curve of learning that nobody saw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import altair as alt
import pandas as pd

from core.evaluate.form_and_label import LIKELIEST_LABEL, LINE_FIELDS, RIGHT_FORM, lines
from core.events import Evaluation
from pages.shared.colours import GREY
from pages.shared.step_axis import step_axis

SCORE = "score"
SHAPES = {SCORE: "circle", RIGHT_FORM: "stroke", LIKELIEST_LABEL: "diamond"}
TRAINED_NOTE = (
    "Hollow: the task was in training, so the mark says what was trained, not what was kept."
)
LABEL_LIMIT, LABEL_SIZE = 320, 11
"""Of a legend, in pixels."""
LEGEND_CHARACTERS = 30
"""Of all names in a row, on a phone; more stand in two columns."""
APART = 0.012
"""Marks of one check stand beside each other, by this share of the axis."""


@dataclass(frozen=True, kw_only=True)
class CheckRow:
    """A mark of the chart."""

    step: int
    curve: str
    value: float
    low: float
    high: float
    n: int
    line: str = SCORE
    """A shape each."""
    hollow: bool = False


def check_rows(e: Evaluation, curve: str, *, is_trained: bool = False) -> list[CheckRow]:
    """A row for the score, and for each of the two lines of a task with labels."""
    low, high = e.interval
    row = CheckRow(
        step=e.step, curve=curve, value=e.score, low=low, high=high, n=e.n, hollow=is_trained
    )
    more = [
        replace(
            row,
            line=LINE_FIELDS[one.field],
            value=one.value,
            low=one.interval[0],
            high=one.interval[1],
        )
        for one in lines(e)
    ]
    return [row, *more]


def check_marks(
    frame: pd.DataFrame,
    colours: Mapping[str, str],
    *,
    n_steps: int,
    title: str,
    recorded: pd.DataFrame | None = None,
) -> alt.LayerChart | alt.FacetChart:
    """`frame` has "step", "curve", "value", "low", "high", "n"; perhaps "line", a shape each, and "hollow".

    The scores of `recorded`, the same settings' run that comes with the app, are grey rings behind.
    """
    order = [*(_kinds(recorded) if recorded is not None else ()), *_kinds(frame)]
    frame = frame.assign(at=_beside(frame, order, n_steps))
    for column, usual in (("line", SCORE), ("hollow", False)):
        if column not in frame:
            frame = frame.assign(**{column: usual})
    names = list(colours)
    palette = alt.Scale(domain=names, range=[colours[name] for name in names])
    columns = 2 if sum(map(len, names)) > LEGEND_CHARACTERS else 0  # 0 is one row
    colour = alt.Color(
        "curve:N",
        title=None,
        scale=palette,
        legend=alt.Legend(
            orient="top",
            columns=columns,
            symbolType="circle",
            symbolOpacity=1,
            labelLimit=LABEL_LIMIT,
            labelFontSize=LABEL_SIZE,
        ),
    )
    shown = [line for line in SHAPES if line in set(frame.line)]
    shape = alt.Shape(
        "line:N",
        title=None,
        scale=alt.Scale(domain=shown, range=[SHAPES[line] for line in shown]),
        legend=alt.Legend(orient="bottom", labelLimit=LABEL_LIMIT, labelFontSize=LABEL_SIZE)
        if len(shown) > 1
        else None,
    )
    x = step_axis(n_steps, field="at", margin=(len(set(order)) + 1) / 2 * APART * n_steps)
    scale = alt.Scale(domain=[0, 1])
    chart = alt.Chart(frame)
    bars = chart.mark_rule(strokeWidth=2, opacity=0.4).encode(
        x=x, y=alt.Y("low:Q", scale=scale, title=title), y2="high:Q", color=colour
    )
    marks = chart.mark_point(size=75, opacity=1, strokeWidth=2).encode(
        x=x,
        y=alt.Y("value:Q", scale=scale),
        color=colour,
        fill=alt.condition("datum.hollow", alt.value("transparent"), _fill(palette)),
        shape=shape,
        tooltip=[
            "step",
            "curve",
            "line",
            *(alt.Tooltip(name, format=".2f") for name in ("value", "low", "high")),
            "n",
        ],
    )
    if recorded is None:
        return alt.layer(bars, marks)
    scores = pd.DataFrame(recorded[recorded["line"] == SCORE])
    rings = (
        alt.Chart(scores.assign(at=_beside(scores, order, n_steps)))
        .mark_point(size=220, shape="circle", color=GREY, strokeWidth=3, filled=False)
        .encode(
            x=x,
            y=alt.Y("value:Q", scale=scale),
            tooltip=["step", "curve", alt.Tooltip("value", title="recorded", format=".2f"), "n"],
        )
    )
    return alt.layer(rings, bars, marks)


def _fill(palette: alt.Scale) -> alt.Fill:
    return alt.Fill("curve:N", scale=palette, legend=None)


def _kinds(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """The curve and line of each row."""
    return [*zip(frame.curve, frame["line" if "line" in frame else "curve"], strict=True)]


def _beside(frame: pd.DataFrame, kinds: Sequence[tuple[str, str]], n_steps: int) -> Sequence[float]:
    """Where on the axis each row stands: its step, shifted by its place among the kinds."""
    order = list(dict.fromkeys(kinds))
    middle = (len(order) - 1) / 2
    return [
        step + (order.index(kind) - middle) * APART * n_steps
        for step, kind in zip(frame.step, _kinds(frame), strict=True)
    ]
