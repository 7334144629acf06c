"""The recorded benchmark: ours beside the usual ways, and how the cost of a step grows."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from core.bench.growth import TOO_FEW, growth_finding
from core.bench.report import Growth, Report
from core.bench.speedups import comparisons
from core.bench.summaries import failures, summaries
from core.bench.workloads import SIDES, WORKLOADS
from pages.shared.colours import BLUE, GREEN, GREY, ORANGE

SIDE_COLOURS = {"ours": BLUE, "trainer": GREY, "sft": ORANGE, "generate": GREEN}
AXES = {
    "batch_size": "examples in a batch",
    "length": "tokens of an example",
    "shared": "share of the text that all examples begin with",
    "rank": "rank of the LoRA",
    "parameters": "parameters in the model",
}


def speed_figure(report: Report) -> go.Figure:
    """Examples per second of every side on every workload, relative to the faster of the others.

    So the bar of ours is as long as the headline says, and that of the faster other is 1.
    """
    figure = go.Figure()
    marked = {c.workload.id for c in comparisons(report) if c.marks}
    for side, title in SIDES.items():
        names, times, words = [], [], []
        for name, workload in WORKLOADS.items():
            found = summaries(report, name)
            if side not in found:
                continue
            others = [s.examples_per_s for other, s in found.items() if other != "ours"]
            unit = max(others or [found[side].examples_per_s])
            names.append(_in_lines(workload.title) + ("*" if name in marked else ""))
            times.append(found[side].examples_per_s / unit)
            words.append(
                f"{found[side].examples_per_s:.2f} examples/s ({found[side].setting}), "
                f"{found[side].peak_memory_mb:.0f} MB"
            )
        if names:
            figure.add_trace(
                go.Bar(
                    name=title,
                    y=names,
                    x=times,
                    orientation="h",
                    marker={"color": SIDE_COLOURS[side]},
                    text=[f"{t:.1f} ×" for t in times],
                    textposition="outside",
                    textfont={"size": 12},
                    cliponaxis=False,
                    customdata=words,
                    hovertemplate="%{y}<br>%{customdata}<extra>" + title + "</extra>",
                )
            )
    traces: Any = figure.data
    figure.update_layout(
        barmode="group",
        bargap=0.3,
        xaxis={"title": "examples per second<br>(the fastest of the usual ways = 1)"},
        yaxis={"autorange": "reversed", "automargin": True},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom"},
        height=110 + 90 * len({n for t in traces for n in t.y}),
        margin={"l": 10, "r": 30, "t": 60},
    )
    return figure


def comparison_table(report: Report) -> pd.DataFrame:
    """Tuning Fork against the fastest other side, a row per workload."""
    rows = [
        {
            "workload": c.workload.title,
            "fastest other": SIDES[c.other.side],
            "times as fast": c.speed_up,
            "we aim at": c.workload.least,
            "memory %": 100 * c.memory_share,
            "loss gap %": None if c.loss_gap is None else 100 * c.loss_gap,
            "score, Tuning Fork": c.ours.mean_score,
            "score, other": c.other.mean_score,
            "same answers %": None if c.same_answers is None else 100 * c.same_answers,
            "utilisation %": None if c.utilisation is None else 100 * c.utilisation,
            "marked, because": "; ".join(c.marks) or None,
        }
        for c in comparisons(report)
    ]
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def comparison_shown(report: Report) -> pd.DataFrame:
    """The same with a column per workload, as it fits a page, in words; a dash where nothing is known."""
    table = comparison_table(report).set_index("workload").T
    return table.map(lambda v: f"{v:.2f}" if isinstance(v, float) and v == v else v).fillna("–")


def failed_words(report: Report) -> str:
    """Which sides could not be measured, and why; empty when all were."""
    return " ".join(
        f"{SIDES[side]} failed on “{workload.title}”: {reason}"
        for name, workload in WORKLOADS.items()
        for side, reason in failures(report, name).items()
    )


def _in_lines(title: str) -> str:
    """Broken after the method, so that it fits a phone."""
    return title.replace(" on ", "<br>on ", 1).replace(" short ", "<br>short ", 1)


def _short(value: float) -> str:
    """1, 64, 135M."""
    return f"{value / 1e6:.0f}M" if value >= 1e6 else f"{value:.0f}"


def _title(axis: str, points: Sequence[Growth]) -> str:
    """What the chart found; what it is of where that cannot be told, which the page says once."""
    found = growth_finding(axis, points)
    return f"Seconds per step over the {AXES[axis]}" if found == TOO_FEW else found


def few_steps_words(report: Report) -> str:
    """That no chart of growth can tell a difference, said once for all to which it applies."""
    axes = [axis for axis in AXES if any(point.axis == axis for point in report.growth)]
    few = [AXES[axis] for axis in axes if _finding(report, axis) == TOO_FEW]
    which = "" if len(few) == len(axes) else f" over the {', '.join(few)}"
    return f"{TOO_FEW}{which}." if few else ""


def _finding(report: Report, axis: str) -> str:
    return growth_finding(axis, [point for point in report.growth if point.axis == axis])


def growth_figure(report: Report, axis: str) -> go.Figure:
    """Seconds per step over one thing that is varied, with 95 % intervals where they are known."""
    points = [point for point in report.growth if point.axis == axis]
    rows = pd.DataFrame(map(asdict, points))
    bars = None
    if all(point.interval for point in points):
        ends = {"array": rows.high - rows.step_s, "arrayminus": rows.step_s - rows.low}
        bars = {"type": "data", "symmetric": False, "color": BLUE, **ends}
    figure = go.Figure(
        go.Scatter(
            x=rows.value,
            y=rows.step_s,
            mode="lines+markers",
            marker={"color": BLUE, "size": 9},
            line={"color": BLUE},
            error_y=bars,
            customdata=rows.tokens,
            hovertemplate="%{x}: %{y:.3f} s, %{customdata} tokens computed<extra></extra>",
        )
    )
    is_log = axis in ("rank", "parameters")
    return figure.update_layout(
        title={"text": _title(axis, points), "font": {"size": 14}},
        xaxis={"title": AXES[axis] + (" (log scale)" if is_log else "")}
        | (
            {"type": "log", "tickvals": rows.value, "ticktext": rows.value.map(_short)}
            if is_log
            else {}
        ),
        yaxis={"title": "seconds per step", "rangemode": "tozero"},
        height=300,
        margin={"l": 10, "r": 10},
    )
