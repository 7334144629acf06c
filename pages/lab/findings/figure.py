"""The figure of a finding: a mark with its interval for each side, and a small ring for each seed."""

from collections.abc import Sequence
from textwrap import wrap

import plotly.graph_objects as go

from core.findings import Result
from core.findings.evidence import Evidence
from core.findings.low_rank import PARAMETERS
from core.runs.names import decimals
from pages.shared.colours import BLUE, GREY
from pages.shared.error_bars import ErrorBars, error_bars

WAYS = "Marks: means with 95 % intervals; rings: single seeds."
LINE = 26
"""Characters of a side's name in a row: a phone has room for them and the chart."""
Shown = Sequence[Evidence]


def figure_of(result: Result, score: str) -> go.Figure:
    """One score of a finding: along its axis where all sides have a place there, else a row for each side."""
    found = [one for name, one in result.shown if name == score]
    compared = {
        side.title
        for part in result.parts
        if part.part.score == score
        for side in (part.first, part.second)
    }
    axis, places = result.finding.axis, {one.title: one.at for one in found}
    if not axis or None in places.values() or len(places) < 2:
        return _in_rows(found, compared)
    if axis == PARAMETERS:  # methods need their names, and marks in a plane have no room for them
        found.sort(key=lambda one: one.at or 0.0)
        names = [f"{one.title}, {one.at or 0:,.0f} {axis}" for one in found]
        return _in_rows(found, compared, names=names)
    return _along_axis(found, compared, axis)


def words_of(result: Result, score: str) -> str:
    """The figure in words."""
    return f"{score}. " + "; ".join(one.words for name, one in result.shown if name == score)


def _in_rows(found: Shown, compared: set[str], *, names: Sequence[str] = ()) -> go.Figure:
    figure = go.Figure()
    for row, one in enumerate(found):
        figure.add_trace(_seeds(one, x=one.values, y=[float(row)] * len(one.values)))
        mark = _mark(one, is_compared=one.title in compared)
        figure.add_trace(mark.update(x=[one.mean], y=[row], error_x=_interval(one)))
    names = ["<br>".join(wrap(name, LINE)) for name in names or [one.title for one in found]]
    return figure.update_layout(
        xaxis={"title": _unit(found), "range": _span(found), "zeroline": True},
        yaxis={
            "tickvals": list(range(len(found))),
            "ticktext": names,
            "range": [len(found) - 0.4, -0.6],
            "automargin": True,
            "zeroline": False,
        },
        height=110 + 54 * len(found),
        margin={"l": 10, "r": 10, "t": 10, "b": 40},
        showlegend=False,
    )


def _along_axis(found: Shown, compared: set[str], axis: str) -> go.Figure:
    figure = go.Figure()
    for one in found:
        figure.add_trace(_seeds(one, x=[one.at or 0.0] * len(one.values), y=one.values))
    for one in found:
        mark = _mark(one, is_compared=one.title in compared)
        figure.add_trace(mark.update(x=[one.at], y=[one.mean], error_y=_interval(one)))
    places = sorted({one.at for one in found if one.at is not None})
    is_log = places[0] > 0 and places[-1] / places[0] > 10
    return figure.update_layout(
        xaxis={
            "title": axis,
            "type": "log" if is_log else "linear",
            "tickvals": places,
            "ticktext": [decimals(place) if place else "0" for place in places],
        },
        yaxis={"title": _unit(found), "range": _span(found)},
        height=360,
        margin={"l": 10, "r": 10, "t": 10, "b": 40},
        showlegend=False,
    )


def _mark(one: Evidence, *, is_compared: bool) -> go.Scatter:
    low, high = one.interval
    bounds = f"<br>{low:.2f} to {high:.2f}" if one.has_enough and not one.is_constant else ""
    return go.Scatter(
        mode="markers",
        marker={
            "size": 12,
            "color": BLUE if is_compared else GREY,
            "symbol": "line-ns-open" if one.is_constant else "diamond",
        },
        hovertemplate=f"{one.title}<br>mean {one.mean:.2f}{bounds}<extra></extra>",
    )


def _seeds(one: Evidence, *, x: Sequence[float], y: Sequence[float]) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"size": 8, "color": GREY, "symbol": "circle-open", "line": {"width": 1.5}},
        hovertemplate=f"{one.title}<br>one seed: %{{x:.3g}}, %{{y:.3g}}<extra></extra>",
        visible=not one.is_constant,
    )


def _interval(one: Evidence) -> ErrorBars | None:
    """None where there are too few seeds for one."""
    if not one.has_enough or one.is_constant:
        return None
    return error_bars([one.mean], [one.interval])


def _unit(found: Shown) -> str:
    is_share = all(reading.least >= 0 for one in found for reading in one.readings)
    return "share of test examples right" if is_share else "difference of two scores"


def _span(found: Shown) -> list[float]:
    """A share's whole range; wider where a figure can be negative."""
    lowest = min(reading.least for one in found for reading in one.readings)
    least = min(one.interval[0] for one in found) if lowest < 0 else 0.0
    return [min(-0.03, least - 0.05), 1.03]
