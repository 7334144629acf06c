"""What a LoRA run learned, as matrices and as singular values, beside full fine-tuning."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.evaluate.apart import interval_words, runs_words
from core.experiments.ranks import RankRow, ranks_of
from core.inspect.results import Matrices, Merged, Spectrum
from core.percent import percent
from pages.shared.colours import BLUE, GREEN, GREY, ORANGE, TASK_COLOURS


def matrices_figure(found: Matrices) -> go.Figure:
    """B, A and their scaled product as heatmaps, each with its own colour scale around zero."""
    d_out, d_in = found.shape
    rank = found.rank
    titles = (  # in two lines each, so that they stand apart on a phone
        f"B<br>{d_out} × {rank}",
        f"A<br>{rank} × {d_in}",
        f"added<br>{d_out} × {d_in}",
    )
    figure = make_subplots(1, 3, subplot_titles=titles, column_widths=[0.2, 0.4, 0.4])
    parts = {"B": found.B, "A": found.A, "BA": found.BA}
    for column, (name, matrix) in enumerate(parts.items(), start=1):
        largest = max(max(map(abs, row)) for row in matrix)
        figure.add_trace(
            go.Heatmap(
                z=matrix,
                zmin=-largest,
                zmax=largest,
                zmid=0,
                colorscale="RdBu",
                showscale=column == 3,
                hovertemplate=f"{name}: %{{z:.3g}}<extra></extra>",
            ),
            1,
            column,
        )
    figure.update_xaxes(showticklabels=False)
    figure.update_yaxes(showticklabels=False, autorange="reversed")
    return figure.update_layout(
        height=340,
        margin={"l": 10, "r": 10, "t": 60},
    )


def spectrum_figure(found: Mapping[str, Spectrum]) -> go.Figure:
    """Singular values of the change, by run ("LoRA", "full fine-tuning"), on log axes; dotted, those of a
    random matrix of the same shape, norm and rank."""
    figure = go.Figure()
    for (name, one), colour in zip(found.items(), (BLUE, ORANGE), strict=False):
        values = one.singular_values
        shown = [(i + 1, v) for i, v in enumerate(values) if v > 1e-4 * values[0]]
        figure.add_scatter(
            x=[i for i, _ in shown],
            y=[v for _, v in shown],
            mode="lines+markers",
            name=name,
            line={"color": colour},
            customdata=[percent(one.energy[i - 1]) for i, _ in shown],
            hovertemplate=f"{name}: value %{{x}} is %{{y:.3g}}, "
            "the first %{x} hold %{customdata}<extra></extra>",
        )
        control = [v for v in one.control_values if v > 1e-4 * one.control_values[0]]
        figure.add_scatter(
            x=list(range(1, len(control) + 1)),
            y=control,
            mode="lines",
            name=f"random, as {name}",
            line={"color": colour, "dash": "dot"},
            hoverinfo="skip",
        )
    return figure.update_layout(
        xaxis={"title": "singular value, largest first (log scale)", "type": "log"}
        | {"tickvals": [2**k for k in range(11)]},
        yaxis={"title": "size (log scale)", "type": "log", "tickformat": "~g", "nticks": 8},
        height=380,
        legend={"orientation": "h", "y": -0.3},
    )


def spectrum_finding(found: Mapping[str, Spectrum]) -> str:
    """How low-rank the change is, in one line."""
    words = [
        f"{name}: effective rank {one.effective_rank:.1f} (a random matrix of the same shape, norm and "
        f"rank: {one.control_rank:.1f}), the first 8 singular values hold "
        f"{percent(one.energy[min(7, len(one.energy) - 1)])} of its squared norm"
        for name, one in found.items()
    ]
    return "  \n".join(words)


RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MERGED = {
    "dtype": "precision",
    "largest_merged_difference": "largest logit error, merged",
    "largest_unmerged_difference": "largest logit error, unmerged",
    "largest_weight_error": "largest weight error, unmerged",
    "relative_weight_error": "weight error, relative",
    "same_choice": "same likeliest token",
}


def with_power(value: float) -> str:
    """An error as a reader knows it: 0.012 as it is, 1.2e-07 as a power of ten.

    >>> with_power(0.0123), with_power(1.2e-7), with_power(0.0)
    ('0.012', '1.2 · 10⁻⁷', '0')
    """
    if value == 0 or abs(value) >= 1e-3:
        return f"{value:.2g}"
    digits, power = f"{value:.1e}".split("e")
    return f"{digits} · 10{str(int(power)).translate(RAISED)}"


def merge_table(found: Merged) -> pd.DataFrame:
    """What merging and taking out again changed at most, a row for each precision."""

    def shown(name: str, value: Any) -> str:
        if name == "same_choice":
            return f"{100 * value:.1f} %"
        return value if name == "dtype" else with_power(value)

    rows = [
        {title: shown(name, getattr(row, name)) for name, title in MERGED.items()}
        for row in found.rows
    ]
    return pd.DataFrame(rows)


def rank_figures(found: Sequence[RankRow]) -> list[go.Figure]:
    """The reader's LoRA runs over rank: learned, kept and time, a figure each, so that they can stack."""
    panels = {
        "learned": ("sentiment learned", TASK_COLOURS["sentiment"]),
        "kept": ("names kept", TASK_COLOURS["names"]),
        "train_s": ("training (s)", GREEN),
    }
    return [_over_ranks(found, field, *look) for field, look in panels.items()]


def _over_ranks(found: Sequence[RankRow], field: str, title: str, colour: str) -> go.Figure:
    figure = go.Figure(
        go.Scatter(
            x=[row.method.rank for row in found],
            y=[getattr(row, field) for row in found],
            mode="markers",
            marker={"size": 11, "color": colour, "line": {"width": 1, "color": GREY}},
            text=[_settings(row) for row in found],
            hovertemplate=f"rank %{{x}}: {title} %{{y:.2f}}<br>%{{text}}<extra></extra>",
            showlegend=False,
        )
    )
    is_share = field != "train_s"
    return figure.update_layout(
        xaxis={"title": "rank (log scale)", "type": "log", "tickvals": ranks_of(found)},
        yaxis={"title": title}
        | ({"range": [-0.04, 1.04]} if is_share else {"rangemode": "tozero"}),
        height=280,
        margin={"l": 10, "r": 10, "t": 10},
    )


def _settings(row: RankRow) -> str:
    method = row.method
    where = f"last {method.last_layers} layers" if method.last_layers else "all layers"
    return (
        f"{method.name}, alpha {method.alpha:g}, rate {row.rate:g}, seed {row.seed}<br>"
        f"{', '.join(method.target_modules)} of {where}, n = {row.n}"
    )


def rank_finding(found: Sequence[RankRow]) -> str:
    """The lowest rank against the highest, over the runs shown, and whether their intervals part."""
    ranks = ranks_of(found)
    if len(ranks) < 2:
        return "Run another rank, and this chart shows what it changes"
    low, high = ([row for row in found if row.method.rank == r] for r in (ranks[0], ranks[-1]))
    one, other = (fmean(row.learned for row in rows) for rows in (low, high))
    return (
        f"Rank {ranks[0]} learned sentiment to {one:.2f} ({runs_words(len(low))}), rank {ranks[-1]} to "
        f"{other:.2f} ({runs_words(len(high))}); {interval_words(_interval(low), _interval(high))}"
    )


def _interval(rows: Sequence[RankRow]) -> tuple[float, float]:
    """Of the mean score learned; runs share their test examples, so theirs are averaged."""
    found = [row.learned_interval for row in rows]
    return fmean(low for low, _ in found), fmean(high for _, high in found)


def scale_table(answers: Mapping[float, str]) -> pd.DataFrame:
    """What was answered at each scale asked so far, lowest first."""
    return pd.DataFrame([{"scale": scale, "answer": answers[scale]} for scale in sorted(answers)])
