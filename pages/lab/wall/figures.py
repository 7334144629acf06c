"""The wall's charts: readable from the back row, light and dark, and without telling colours apart.

Altair draws what changes every two seconds without flicker. Guesses are amber and dashed, what was recorded is blue and
solid, what the class measured is green.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from core.classwork.guessed import Fan, Histogram, Line
from core.classwork.plane import Place
from core.config import METHODS, method_title
from core.runs.names import decimals
from core.typed_json import JsonObject
from pages.shared.colours import AMBER, BLUE, GREEN, GREY, ORANGE

SIZE, LARGE = 20, 26
"""Of texts, in pixels."""
HEIGHT = 430
OPTION_PX = 96
LIGHT_BLUE = "#5ab4f0"
PALETTE = (ORANGE, GREEN, AMBER, "#CC79A7", "#56B4E9", GREY, "#882255")
"""After blue."""
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-left")
"""One fewer than colours, so that no two methods have the same of both."""
LEGEND_COLUMNS, LEGEND_PX = 3, 34
"""In one row, what is too much for the width would be cut off; each row takes so much height."""
DRAWN, MIDDLE, RECORDED, OWN = (
    "guesses",
    "middle of the guesses",
    "recorded runs",
    "runs of the class",
)
Chart = alt.LayerChart | alt.FacetChart


def is_dark() -> bool:
    return st.context.theme.type == "dark"


def blue() -> str:
    """Light enough on a dark page."""
    return LIGHT_BLUE if is_dark() else BLUE


def ink() -> str:
    """Of texts in a chart."""
    return "#f3f1ec" if is_dark() else "#101418"


def axis(title: str | None, **more: Any) -> alt.Axis:
    return alt.Axis(
        title=title,
        labelFontSize=SIZE,
        titleFontSize=SIZE,
        titleFontWeight="normal",
        labelColor=ink(),
        titleColor=ink(),
        **more,
    )


def legend(**more: Any) -> alt.Legend:
    return alt.Legend(
        title=None, orient="top", labelFontSize=SIZE - 2, labelLimit=420, symbolSize=220,
        labelColor=ink(), **more,
    )  # fmt: skip


def guess_bars(found: Histogram) -> Chart:
    """A bar for each option, its text above it, and beside it how many chose it and whether it came."""
    rows = [
        {
            "option": option.text,
            "n": option.n,
            "said": said(option.n, option.is_recorded, option.n_runs, found.n_runs),
            "came": option.is_recorded,
        }
        for option in found.options
    ]
    order = [option.text for option in found.options]
    y = alt.Y(
        "option:N", sort=order, axis=None, scale=alt.Scale(paddingInner=0.45, paddingOuter=0.4)
    )
    most = max([4, *(option.n for option in found.options)])
    x = alt.X("n:Q", axis=None, scale=alt.Scale(domain=[0, most * 1.9]))
    chart = alt.Chart(pd.DataFrame(rows)).encode(y=y)
    outline = alt.condition("datum.came", alt.value(blue()), alt.value(AMBER))
    bars = chart.mark_bar(color=AMBER, strokeWidth=5).encode(x=x, stroke=outline)
    options = chart.mark_text(
        align="left", baseline="bottom", dy=-OPTION_PX * 0.3, fontSize=SIZE, color=ink(), limit=760
    ).encode(text="option:N", x=alt.value(0))
    counts = chart.mark_text(
        align="left", dx=10, fontSize=LARGE, fontWeight="bold", color=ink()
    ).encode(text="said:N", x=x)
    return alt.layer(bars, options, counts).properties(height=OPTION_PX * len(rows))


def said(n: int, is_recorded: bool, n_runs: int, of_runs: int) -> str:
    """Beside a bar.

    >>> said(12, True, 3, 4)
    '12  ✔ recorded, 3 of 4 class runs'
    """
    parts = ["recorded"] * is_recorded + [f"{n_runs} of {of_runs} class runs"] * bool(n_runs)
    return f"{n}  ✔ {', '.join(parts)}" if parts else str(n)


def fan_chart(found: Fan) -> Chart:
    """All drawings as thin lines, their median, and over them what came; bars as marks over one another."""
    rows = fan_rows(found)
    colours = {DRAWN: AMBER, MIDDLE: AMBER, OWN: GREEN, RECORDED: blue()}
    shown = [name for name in colours if any(row["what"] == name for row in rows)]
    x = (
        alt.X("x:Q", axis=axis("optimizer step", values=[0, *found.steps]))
        if found.steps
        else alt.X("x:N", sort=list(found.points), axis=axis(None, labelAngle=0, labelLimit=240))
    )
    colour = alt.Color(
        "what:N",
        scale=alt.Scale(domain=shown, range=[colours[name] for name in shown]),
        legend=legend(symbolType="stroke", symbolStrokeWidth=6),
    )
    y = alt.Y(
        "height:Q",
        axis=axis(found.axis, titleLimit=HEIGHT),
        scale=alt.Scale(domain=[0, found.high]),
    )
    base = alt.Chart(pd.DataFrame(rows)).encode(x=x, y=y, color=colour, detail="line:N")
    of = {name: base.transform_filter(f"datum.what == '{name}'") for name in colours}
    if not found.steps:
        marks = [
            of[DRAWN].mark_tick(thickness=3, size=60, opacity=0.5),
            of[MIDDLE].mark_tick(thickness=6, size=110, opacity=1),
            of[OWN].mark_point(filled=True, size=520, shape="square", opacity=0.55),
            of[RECORDED].mark_point(filled=True, size=320, shape="diamond", opacity=1),
        ]
        return alt.layer(*marks).properties(height=HEIGHT)
    dashes = alt.Scale(domain=shown, range=[[9, 6] if name == MIDDLE else [1, 0] for name in shown])
    dash = alt.StrokeDash("what:N", scale=dashes, legend=None)
    ends = alt.OverlayMarkDef(size=130, filled=True)
    lines = [
        of[DRAWN].mark_line(strokeWidth=2, strokeOpacity=0.45),
        of[MIDDLE].mark_line(strokeWidth=5),
        of[OWN].mark_line(
            strokeWidth=11, strokeOpacity=0.45
        ),  # wide: recorded ones may lie on them
        of[RECORDED].mark_line(strokeWidth=4, point=ends),
    ]
    dashed = [line.encode(strokeDash=dash) for line in lines]
    return alt.layer(*dashed).properties(height=HEIGHT)


def fan_rows(found: Fan) -> list[JsonObject]:
    """One for each point of each line: "x", "height", "line" and "what" it is."""
    middle = [Line(heights=found.middle)] if found.middle else []
    lines = {DRAWN: found.drawn, MIDDLE: middle, RECORDED: found.recorded, OWN: found.runs}
    points: Sequence[int | str] = found.steps or found.points
    start = [] if found.start is None else [(0, found.start)]
    return [
        {"x": at, "height": height, "line": f"{what} {n}", "what": what}
        for what, every in lines.items()
        for n, line in enumerate(every)
        for at, height in [*start, *zip(points, line.heights, strict=True)]
    ]


def plane_chart(
    found: Sequence[Place], *, names: Mapping[str, str], learned: str, kept: str
) -> Chart:
    """Right is learned, up is kept; hollow runs still train. A number says how many learners have runs at a place."""
    shown = {place.method for place in found}
    methods = [(n, method) for n, method in enumerate(METHODS) if method in shown]
    titles = [method_title(method) for _, method in methods]
    frame = pd.DataFrame(plane_rows(found, names))
    scale = alt.Scale(domain=[-0.03, 1.06])
    tenths = {"format": ".1f", "tickCount": 6}
    x = alt.X("learned:Q", axis=axis(f"learned: {learned}, score", **tenths), scale=scale)
    y = alt.Y("kept:Q", axis=axis(f"kept: {kept}, score", **tenths), scale=scale)
    palette = (blue(), *PALETTE)
    colours = alt.Scale(domain=titles, range=[palette[n % len(palette)] for n, _ in methods])
    shapes = alt.Scale(domain=titles, range=[SHAPES[n % len(SHAPES)] for n, _ in methods])
    named = legend(columns=LEGEND_COLUMNS)
    chart = alt.Chart(frame).encode(x=x, y=y)
    points = chart.mark_point(size=420, strokeWidth=3).encode(
        color=alt.Color("method:N", scale=colours, legend=named),
        shape=alt.Shape("method:N", scale=shapes, legend=named),
        fill=alt.condition(
            "datum.is_over",
            alt.Color("method:N", scale=colours, legend=None),
            alt.value("transparent"),
        ),
        fillOpacity=alt.value(0.75),
        tooltip=[
            alt.Tooltip("method:N"),
            alt.Tooltip("rate:N", title="learning rate"),
            alt.Tooltip("learned:Q", format=".2f"),
            alt.Tooltip("kept:Q", format=".2f"),
            alt.Tooltip("low:Q", format=".2f", title="kept, 95 % from"),
            alt.Tooltip("high:Q", format=".2f", title="to"),
            alt.Tooltip("state:N"),
            alt.Tooltip("who:N", title="learners"),
        ],
    )
    counts = chart.mark_text(dx=20, dy=-14, fontSize=SIZE, fontWeight="bold", color=ink()).encode(
        text="n:N"
    )
    base = sum(place.base for place in found) / len(found)
    line = alt.Chart(pd.DataFrame([{"kept": base}])).encode(y=y)
    rule = line.mark_rule(strokeDash=[6, 5], strokeWidth=2, color=GREY)
    label = line.mark_text(
        align="left", dy=14, fontSize=SIZE - 2, color=ink(), text=f"base model: {base:.2f}"
    ).encode(x=alt.value(8))
    n_rows = -(-len(titles) // LEGEND_COLUMNS)
    return alt.layer(rule, label, points, counts).properties(height=HEIGHT + n_rows * LEGEND_PX)


def plane_rows(found: Sequence[Place], names: Mapping[str, str]) -> list[JsonObject]:
    """A row for each place: runs of one method that came out alike would hide one another."""
    at: dict[tuple[object, ...], list[Place]] = {}
    for place in found:
        key = (place.method, place.learned.value, place.kept.value, place.is_over)
        at.setdefault(key, []).append(place)
    rows: list[JsonObject] = []
    for same in at.values():
        one, spaces = same[0], list(dict.fromkeys(space for run in same for space in run.spaces))
        low, high = one.kept.interval
        rows.append(
            {
                "learned": one.learned.value,
                "kept": one.kept.value,
                "low": low,
                "high": high,
                "method": method_title(one.method),
                "n": str(len(spaces)) if len(spaces) > 1 else "",
                "state": "finished" if one.is_over else f"training, step {one.step}",
                "is_over": one.is_over,
                "rate": ", ".join(dict.fromkeys(decimals(run.rate) for run in same)),
                "who": ", ".join(names[space] for space in spaces if space in names) or "–",
            }
        )
    return rows
