"""Runs as points on two axes, and as lines over many."""

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from core.runs.names import decimals
from pages.lab.explore.points import OWN, Column
from pages.shared.colours import GREY

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", GREY)
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "x")
"""A value of the colour has a shape, too; 8 colours and 7 shapes make 56 pairs."""
MOST_KINDS = 12
"""More different numbers than these are a scale of colours."""
SCALE = "Cividis"


def scatter(frame: pd.DataFrame, x: Column, y: Column, colour: Column) -> go.Figure:
    """A mark for each run; the reader's own are larger, with a rim."""
    frame = frame.dropna(subset=[x.name, y.name])
    figure = go.Figure()
    if is_scale(frame, colour):
        known = frame.dropna(subset=[colour.name])
        figure.add_trace(_marks(known, x, y, _scale_marker(known, colour), colour.title))
    else:
        looks = zip(cycle(PALETTE), cycle(SYMBOLS), strict=False)
        for (value, group), (paint, symbol) in zip(kinds(frame, colour), looks, strict=False):
            marker = {"color": paint, "symbol": symbol}
            figure.add_trace(_marks(group, x, y, marker, words(value)))
    return figure.update_layout(
        xaxis=_axis(frame, x),
        yaxis=_axis(frame, y),
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "title": colour.title},
        height=520,
        margin={"l": 10, "r": 10, "t": 10},
        clickmode="event+select",
    )


def is_scale(frame: pd.DataFrame, colour: Column) -> bool:
    return colour.is_number and frame[colour.name].nunique() > MOST_KINDS


def kinds(frame: pd.DataFrame, colour: Column) -> list[tuple[Any, pd.DataFrame]]:
    """The runs by their value of a column, in its order; those without one last."""
    groups: list[tuple[Any, pd.DataFrame]] = list(frame.groupby(colour.name, sort=True))
    without = frame[frame[colour.name].isna()]
    return [*groups, ("–", without)] if len(without) else groups


def words(value: Any) -> str:
    """A value as people write it."""
    if isinstance(value, float):
        return decimals(value) if value else "0"
    return str(value) if str(value) else "none"


def is_log(values: pd.Series) -> bool:
    """Numbers that span more than a factor of 20, as rates and ranks do, stand on a logarithmic axis."""
    return bool(values.min() > 0 and values.max() / values.min() > 20)


def _marks(
    frame: pd.DataFrame, x: Column, y: Column, marker: dict[str, Any], name: str
) -> go.Scatter:
    is_own = frame["origin"] == OWN
    return go.Scatter(
        x=frame[x.name],
        y=frame[y.name],
        mode="markers",
        name=name,
        marker={
            **marker,
            "size": [15 if own else 9 for own in is_own],
            "line": {"width": [2 if own else 0 for own in is_own], "color": "#8a8f98"},
            "opacity": 0.8,
        },
        customdata=frame[["run_id", "name", "origin"]].to_numpy(),
        hovertemplate=(
            f"%{{customdata[1]}}<br>%{{customdata[2]}}<br>{x.title}: %{{x}}<br>{y.title}: %{{y:.3g}}"
            "<extra></extra>"
        ),
    )


def _scale_marker(frame: pd.DataFrame, colour: Column) -> dict[str, Any]:
    return {
        "color": frame[colour.name],
        "colorscale": SCALE,
        "showscale": True,
        "colorbar": {"title": colour.title, "thickness": 12},
    }


def _axis(frame: pd.DataFrame, column: Column) -> dict[str, Any]:
    axis: dict[str, Any] = {"title": column.title, "automargin": True}
    if not column.is_number or frame.empty:
        return axis | {"type": "category"} if not column.is_number else axis
    if is_log(frame[column.name]):
        return axis | {"type": "log"}
    if column.is_result and frame[column.name].between(0, 1).all():
        return axis | {"range": [-0.04, 1.04]}
    return axis


def parallel(frame: pd.DataFrame, shown: Sequence[Column], colour: Column) -> go.Figure:
    """Each run a line over the columns shown; a line's colour is its place on `colour`."""
    return go.Figure(
        go.Parcoords(
            dimensions=[_dimension(frame[column.name], column) for column in shown],
            line={
                "color": frame[colour.name],
                "colorscale": SCALE,
                "showscale": True,
                "colorbar": {"title": colour.title, "thickness": 12},
            },
            labelfont={"size": 13},
            tickfont={"size": 12},
        )
    ).update_layout(height=430, margin={"l": 60, "r": 40, "t": 60, "b": 20})


def _dimension(values: pd.Series, column: Column) -> dict[str, Any]:
    label = column.title.replace(", change", " change")
    if column.is_number and values.nunique() > MOST_KINDS:
        return {"label": label, "values": values}
    order = sorted(values.unique())
    place = {value: i for i, value in enumerate(order)}
    return {
        "label": label,
        "values": values.map(place),
        "tickvals": list(place.values()),
        "ticktext": [words(value)[:22] for value in order],
    }
