"""What share of the weights the methods train, on this model and on larger ones."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from core.config import METHODS, MethodConfig, as_taught
from core.experiments.method_rows import MethodSetting
from core.formulas.parameters import trained_share
from core.shape import PUBLISHED, ModelShape, total_parameters
from pages.lessons.peft.side_by_side import COLOURS
from pages.shared.colours import BLUE, GREY
from pages.shared.engine import current_model

BAND = (0.15, 0.20)
"""The share that is often said to be trained."""
NAMED = ("Llama-2-7B", "GPT-3 175B")
"""Models whose names stand in the chart beside the app’s own; there is no room for all."""


def share_rows(shape: ModelShape) -> pd.DataFrame:
    """Per method, by formula: "share" at its usual knob, "low" and "high" over the knob's slider."""
    rows = [
        {"method": method, "title": METHODS[method].title, "share": shares[0], "low": min(shares)}
        | {"high": max(shares)}
        for method in as_taught()
        if (shares := _shares(method, shape))
    ]
    return pd.DataFrame(rows).sort_values("share", ignore_index=True)


def _shares(method: str, shape: ModelShape) -> list[float]:
    """At the usual knob, then at each position of its slider."""
    spec = METHODS[method]
    knob = spec.knob
    values = (knob.usual, *knob.values) if knob else (0,)
    return [
        trained_share(MethodConfig(name=method, **spec.knob_settings(value)), shape)
        for value in values
        if not (knob and knob.field == spec.depth and value > shape.layers)
    ]


def band_heading(rows: pd.DataFrame, found: Sequence[MethodSetting]) -> str:
    """Which methods fall into the band: at the usual knob, and of the runs."""
    usual = [title for title, share in zip(rows.title, rows.share, strict=True) if in_band(share)]
    ran = [s.title for s in found if in_band(s.rows[0].share)]
    low, high = (f"{100 * edge:g}" for edge in BAND)
    little = int((rows.share < 0.01).sum())
    words = (
        f"At the usual settings, {', '.join(usual) or f'none of the {len(rows)} methods'} "
        f"train{'' if len(usual) > 1 else 's'} {low} to {high} % of the weights; {little} of the "
        f"{len(rows)} train less than 1 %"
    )
    return words + (f". Runs in the band: {', '.join(ran)}" if ran else "")


def in_band(share: float) -> bool:
    return BAND[0] <= share <= BAND[1]


def share_figure(rows: pd.DataFrame, found: Sequence[MethodSetting]) -> go.Figure:
    """A row per method: its knob's range as a line, the usual setting as a ring, runs as filled marks."""
    figure = go.Figure()
    for n in range(len(rows)):
        row = rows.iloc[n]
        colour = COLOURS[METHODS[row.method].family]
        figure.add_trace(
            go.Scatter(
                x=[100 * row.low, 100 * row.high],
                y=[row.title] * 2,
                mode="lines",
                line={"color": colour, "width": 3},
                opacity=0.45,
                hoverinfo="skip",
                showlegend=False,
            )
        )
    families = [METHODS[method].family for method in rows.method]
    figure.add_trace(
        go.Scatter(
            x=100 * rows.share,
            y=rows.title,
            mode="markers",
            marker={
                "symbol": [f"{METHODS[method].symbol}-open" for method in rows.method],
                "size": 13,
                "color": [COLOURS[family] for family in families],
                "line": {"width": 2},
            },
            name="by formula, usual setting",
            hovertemplate="%{y}: %{x:.3g} %<extra></extra>",
        )
    )
    if found:
        figure.add_trace(_measured(found))
    low, high = (100 * edge for edge in BAND)
    figure.add_vrect(x0=low, x1=high, fillcolor="#E69F00", opacity=0.35, line_width=0)
    figure.update_layout(
        xaxis={"title": "trained share (%, log scale)", "type": "log"},
        yaxis={"title": "", "automargin": True},
        height=36 * len(rows) + 130,
        margin={"l": 10, "r": 10, "t": 20},
        legend={"orientation": "h", "y": -0.2},
    )
    return figure.update_xaxes(dtick=1, tickformat="~g")


def _measured(found: Sequence[MethodSetting]) -> go.Scatter:
    families = [METHODS[s.name].family for s in found]
    return go.Scatter(
        x=[100 * s.rows[0].share for s in found],
        y=[METHODS[s.name].title for s in found],
        mode="markers",
        marker={
            "symbol": [METHODS[s.name].symbol for s in found],
            "size": 7,
            "color": [COLOURS[family] for family in families],
        },
        name="counted in a run",
        text=[s.title for s in found],
        hovertemplate="%{text}: %{x:.3g} %<extra></extra>",
    )


def size_rows(rank: int) -> pd.DataFrame:
    """LoRA on q and v at one rank, over the published models: "title", "parameters", "share"."""
    method = MethodConfig(rank=rank, alpha=2.0 * rank)
    rows = [
        {
            "title": shape.title,
            "parameters": total_parameters(shape),
            "share": trained_share(method, shape),
        }
        for shape in PUBLISHED.values()
    ]
    return pd.DataFrame(rows).sort_values("parameters", ignore_index=True)


def size_heading(rows: pd.DataFrame, rank: int) -> str:
    small, large = rows[rows.title == current_model().shape].iloc[0], rows.iloc[-1]
    return (
        f"LoRA of rank {rank} trains {100 * small.share:.2g} % of {small.title} and "
        f"{100 * large.share:.2g} % of {large.title}"
    )


def size_figure(rows: pd.DataFrame) -> go.Figure:
    """Both axes logarithmic; the band is drawn where it would be."""
    figure = go.Figure(
        go.Scatter(
            x=rows.parameters,
            y=100 * rows.share,
            mode="lines+markers+text",
            textposition="top center",
            textfont={"size": 12},
            line={"color": GREY, "width": 1},
            marker={"color": BLUE, "size": 11, "symbol": "square"},
            text=[
                title if title in (*NAMED, current_model().shape) else "" for title in rows.title
            ],
            customdata=rows.title,
            hovertemplate="%{customdata}<br>%{x:,} parameters, %{y:.3g} % trained<extra></extra>",
            showlegend=False,
        )
    )
    low, high = (100 * edge for edge in BAND)
    figure.add_hrect(y0=low, y1=high, fillcolor="#E69F00", opacity=0.35, line_width=0)
    figure.update_layout(
        xaxis={
            "title": "parameters in the model (log scale)",
            "type": "log",
            "dtick": 1,
            "range": [7.5, 11.9],  # room for the names at both ends
        },
        yaxis={"title": "trained share (%, log scale)", "type": "log"},
        height=380,
        margin={"l": 10, "r": 10, "t": 20},
    )
    return figure.update_yaxes(dtick=1, tickformat="~g")
