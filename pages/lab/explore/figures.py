"""Runs as points on two axes, and as lines over many."""

from collections.abc import Sequence
from itertools import cycle
from math import ceil, floor, log10
from typing import Any, Required, TypedDict

import plotly.graph_objects as go

from core.runs.names import decimals
from pages.lab.explore.points import OWN, Column, Row, having, numbers
from pages.shared.colours import GREY

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", GREY)
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "x")
"""A value of the colour has a shape, too; 8 colours and 7 shapes make 56 pairs."""
MOST_KINDS = 12
"""More different numbers than these are a scale of colours."""
SCALE = "Cividis"


def scatter(rows: Sequence[Row], x: Column, y: Column, colour: Column) -> go.Figure:
    """A mark for each run; the reader's own are larger, with a rim."""
    rows = having(rows, x.name, y.name)
    figure = go.Figure()
    if is_scale(rows, colour):
        known = having(rows, colour.name)
        figure.add_trace(_marks(known, x, y, _scale_marker(known, colour), colour.title))
    else:
        looks = zip(cycle(PALETTE), cycle(SYMBOLS), strict=False)
        for (value, group), (paint, symbol) in zip(kinds(rows, colour), looks, strict=False):
            marker = go.scatter.Marker(color=paint, symbol=symbol)
            figure.add_trace(_marks(group, x, y, marker, words(value)))
    return figure.update_layout(
        xaxis=_axis(rows, x),
        yaxis=_axis(rows, y),
        showlegend=not is_scale(rows, colour),
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        height=520,
        margin={"l": 10, "r": 10, "t": 10, "b": 40},
        clickmode="event+select",
    )


def is_scale(rows: Sequence[Row], colour: Column) -> bool:
    return colour.is_number and len({row.values.get(colour.name) for row in rows}) > MOST_KINDS


def kinds(rows: Sequence[Row], colour: Column) -> list[tuple[Any, list[Row]]]:
    """The runs by their value of a column, in its order; those without one last."""
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.values.get(colour.name), []).append(row)
    without = groups.pop(None, [])
    found: list[tuple[Any, list[Row]]] = sorted(groups.items())
    return [*found, ("–", without)] if without else found


def words(value: Any) -> str:
    """A value as people write it."""
    if isinstance(value, float):
        return decimals(value) if value else "0"
    return str(value) if str(value) else "none"


def is_log(values: Sequence[float]) -> bool:
    """Numbers that span more than a factor of 20, as rates and ranks do, stand on a logarithmic axis."""
    return min(values) > 0 and max(values) / min(values) > 20


def _marks(
    rows: Sequence[Row], x: Column, y: Column, marker: go.scatter.Marker, name: str
) -> go.Scatter:
    is_own = [row.origin == OWN for row in rows]
    marker.update(
        size=[15 if own else 9 for own in is_own],
        line={"width": [2 if own else 0 for own in is_own], "color": GREY},
        opacity=0.8,
    )
    return go.Scatter(
        x=[row.values[x.name] for row in rows],
        y=[row.values[y.name] for row in rows],
        mode="markers",
        name=name,
        marker=marker,
        customdata=[[row.run_id, row.name, row.origin] for row in rows],
        hovertemplate=(
            f"%{{customdata[1]}}<br>%{{customdata[2]}}<br>{x.title}: %{{x}}<br>{y.title}: %{{y:.3g}}"
            "<extra></extra>"
        ),
    )


def _scale_marker(rows: Sequence[Row], colour: Column) -> go.scatter.Marker:
    return go.scatter.Marker(
        color=numbers(rows, colour),
        colorscale=SCALE,
        showscale=True,
        colorbar={"title": colour.title, "thickness": 12},
    )


class Axis(TypedDict, total=False):
    """Of a plotly layout."""

    title: str
    automargin: bool
    type: str
    range: list[float]


def _axis(rows: Sequence[Row], column: Column) -> Axis:
    axis = Axis(title=column.title, automargin=True)
    values = numbers(rows, column)
    if not column.is_number:
        axis["type"] = "category"
    elif values and is_log(values):
        axis["type"] = "log"
    elif values and column.is_result and min(values) >= 0 and max(values) <= 1:
        axis["range"] = [-0.04, 1.04]
    return axis


def parallel(rows: Sequence[Row], shown: Sequence[Column], colour: Column) -> go.Figure:
    """Each run a line over the columns shown; a line's colour is its place on `colour`."""
    return go.Figure(
        go.Parcoords(
            dimensions=[_dimension(rows, column) for column in shown],
            line={
                "color": numbers(rows, colour),
                "colorscale": SCALE,
            },
            labelfont={"size": 13},
            tickfont={"size": 12},
        )
    ).update_layout(height=430, margin={"l": _room(rows, shown[0]), "r": 40, "t": 60, "b": 20})


def _room(rows: Sequence[Row], first: Column) -> int:
    """Pixels for the words at the first axis, which stand left of it."""
    ticks = _dimension(rows, first).get("ticktext", ())
    return max(60, *(20 + 7 * len(tick) for tick in ticks), 60)


class Dimension(TypedDict, total=False):
    """Of plotly's parallel coordinates."""

    label: Required[str]
    values: Required[list[float]]
    range: list[int]
    tickvals: list[int]
    ticktext: list[str]


def _dimension(rows: Sequence[Row], column: Column) -> Dimension:
    label = column.title.replace(", change", " change")
    values: list[Any] = [row.values[column.name] for row in rows]
    order = sorted(set(values))
    if column.is_number and len(order) > MOST_KINDS:
        return _decades(label, values)
    place = {value: i for i, value in enumerate(order)}
    return {
        "label": label,
        "values": [place[value] for value in values],
        "tickvals": list(place.values()),
        "ticktext": [words(value)[:22] for value in order],
    }


def _decades(label: str, values: list[float]) -> Dimension:
    """The values; where they span much, their logarithms with ticks in decimals."""
    if not is_log(values):
        return {"label": label, "values": values}
    logs = [log10(value) for value in values]
    ticks = range(floor(min(logs)), ceil(max(logs)) + 1)
    return {
        "label": label,
        "values": logs,
        "range": [ticks[0], ticks[-1]],
        "tickvals": list(ticks),
        "ticktext": [f"{10**tick:,}" if tick >= 0 else decimals(10.0**tick) for tick in ticks],
    }
