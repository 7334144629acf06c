"""All methods side by side: recorded runs and the reader's own, as a table and a chart."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.config import FAMILIES, METHODS, RunConfig, as_taught
from core.evaluate.apart import runs_words
from core.events import Evaluation, Memory, Step
from core.experiments import record
from core.experiments.claims import LEARNED_ENOUGH, not_apart_words
from core.experiments.method_rows import MethodRow, MethodSetting, method_row
from core.recorded.spread import seeds_of
from pages.shared.colours import BLUE, GREEN, GREY, ORANGE
from pages.shared.engine import events_of, store
from pages.shared.error_bars import error_bars
from pages.shared.two_lines import line_cells

COLOURS = {
    "selective": ORANGE,
    "reparameterization": BLUE,
    "additive": GREEN,
    "soft prompts": "#CC79A7",
    "full": GREY,
}
"""Of the families; within one, methods are told apart by shape."""
MEASURES = {
    "sentiment": "sentiment learned",
    "general": "general questions kept",
    "names": "names kept",
    "total_bytes": "memory in all",
    "step_s": "seconds per step",
}
AXES = {
    "sentiment": "learned: sentiment score",
    "general": "kept: general questions score",
    "names": "kept: names score",
    "total_bytes": "weights, gradients, optimizer and activations (MB)",
    "step_s": "seconds per step",
}
KEPT_WORDS = {"general": "general questions", "names": "names"}
"""Tasks that none of these runs trained on."""
MB = 1e6


@st.cache_data(show_spinner=False)
def recorded_rows() -> list[MethodRow]:
    """The runs that come with the app; empty when there are none."""
    found = record.recorded("methods")
    runs = found.runs if found else ()
    made = (
        method_row(run.config, run.events, run.summary, step_s=run.step_s, is_recorded=True)
        for run in runs
    )
    return [row for row in made if row]


@st.cache_data(show_spinner=False, max_entries=200)
def recorded_rows_of(_config: RunConfig, config_hash: str) -> list[MethodRow]:
    """The recorded runs of one setting with every seed."""
    made = (
        method_row(
            run.valid_config,
            run.events(Evaluation, Memory, Step),
            run.summary,
            is_recorded=True,
        )
        for run in seeds_of(_config)
    )
    return [row for row in made if row]


@st.cache_data(show_spinner=False, max_entries=500)
def finished_row(run_id: str) -> MethodRow | None:
    """What a finished run measured; its record does not change any more."""
    run = store().get(run_id)
    return method_row(run.valid_config, events_of(run_id), run.summary, run_id=run_id)


def own_rows() -> list[MethodRow]:
    """The reader's finished runs that compare, newest first."""
    ended = [run for run in store().runs() if run.status == "finished"]
    return [row for run in ended if (row := finished_row(run.id))]


def side_table(found: Sequence[MethodSetting]) -> pd.DataFrame:
    """One row per setting: what it trains, scores over seeds, and what it takes."""
    return pd.DataFrame(
        [
            {
                "method": s.title,
                "family": FAMILIES[METHODS[s.name].family].title,
                "runs": f"{'recorded' if s.is_recorded else 'yours'}, {len(s.rows)}",
                "trained": s.rows[0].n_trained,
                "share": 100 * s.rows[0].share,
                "sentiment": with_range(s, "sentiment"),
                **line_cells(s.lines),
                "general": with_range(s, "general"),
                "names": with_range(s, "names"),
                "memory": (s.mean("total_bytes") or 0) / MB,
                "training": (s.mean("training_bytes") or 0) / MB,
                "disk": (s.mean("artifact_bytes") or 0) / MB,
                "step": s.mean("step_s"),
            }
            for s in found
        ]
    )


SIDE_COLUMNS = {
    "method": st.column_config.TextColumn(pinned=True),
    "runs": st.column_config.TextColumn(help="Recorded with the app or yours, and how many seeds"),
    "trained": st.column_config.NumberColumn("trained parameters", format="localized"),
    "share": st.column_config.NumberColumn(
        "share (%)", format="%.3g", help="Trained parameters as a share of all"
    ),
    "sentiment": st.column_config.TextColumn("sentiment", help="The task trained on"),
    "general": st.column_config.TextColumn("general questions", help="Not trained on"),
    "names": st.column_config.TextColumn("names", help="Not trained on"),
    "memory": st.column_config.NumberColumn("memory in all (MB)", format="%.0f"),
    "training": st.column_config.NumberColumn("of it, besides weights (MB)", format="%.0f"),
    "disk": st.column_config.NumberColumn("on disk (MB)", format="%.2f"),
    "step": st.column_config.NumberColumn("s per step", format="%.2f"),
}


SIDE_TABLES = {
    "What each learned and kept": ("method", "sentiment", "general", "names", "share", "runs"),
    "What each takes": ("method", "memory", "disk", "step", "trained", "runs"),
}
"""Columns of the same table: all together are wider than a page."""


def with_range(setting: MethodSetting, figure: str) -> str:
    """A score's mean, and its lowest and highest when there are several seeds."""
    values, mean = setting.values(figure), setting.mean(figure)
    if mean is None:
        return "–"
    spread = f" ({min(values):.2f}–{max(values):.2f})" if len(values) > 1 else ""
    return f"{mean:.2f}{spread}"


def headline(found: Sequence[MethodSetting], measure: str) -> str:
    """What the chart shows of a measure, in one line."""
    enough = [s for s in found if (s.mean("sentiment") or 0) >= LEARNED_ENOUGH]
    if measure in ("total_bytes", "step_s"):
        least, most = _ends(found, measure)
        near = ["", ""]
        if measure == "step_s":  # bytes are counted, times vary
            near = [_not_apart(s, found, measure) for s in (least, most)]
        return (
            f"{least.title} takes least: {in_words(least, measure)}{near[0]}; "
            f"{most.title} most: {in_words(most, measure)}{near[1]}"
        )
    if not enough:
        return f"No method has learned sentiment to {LEARNED_ENOUGH} yet"
    if measure == "sentiment":
        always = [
            s for s in found if s.values(measure) and min(s.values(measure)) >= LEARNED_ENOUGH
        ]
        words = f"{len(always)} of {len(found)} reached {LEARNED_ENOUGH} on sentiment in every run"
        if not always:
            return words
        least, _ = _ends(always, "share")
        return (
            f"{words}; of these {least.title} trains the smallest share, "
            f"{100 * least.rows[0].share:.2g} % ({runs_words(len(least.rows))})"
        )
    measured = [s for s in enough if s.values(measure)]
    if not measured:
        return f"No run that learned sentiment was asked {KEPT_WORDS[measure]}"
    _, best = _ends(measured, measure)
    return (
        f"Of those that learned sentiment to {LEARNED_ENOUGH} or more, {best.title} kept most {KEPT_WORDS[measure]}: {in_words(best, measure)}{_not_apart(best, measured, measure)}, "
        f"training {100 * best.rows[0].share:.2g} % of the parameters"
    )


def _not_apart(best: MethodSetting, found: Sequence[MethodSetting], measure: str) -> str:
    return not_apart_words(
        best.values(measure),
        [s.values(measure) for s in found if s is not best and s.values(measure)],
    )


def _ends(found: Sequence[MethodSetting], figure: str) -> tuple[MethodSetting, MethodSetting]:
    """The settings with the lowest and the highest mean."""
    ordered = sorted(found, key=lambda s: s.mean(figure) or 0.0)
    return ordered[0], ordered[-1]


def in_words(setting: MethodSetting, measure: str) -> str:
    mean = setting.mean(measure) or 0.0
    if measure == "total_bytes":
        return f"{mean / MB:,.0f} MB"
    return f"{mean:.2f} s a step" if measure == "step_s" else f"{mean:.2f}"


def trade_off_figure(found: Sequence[MethodSetting], measure: str) -> go.Figure:
    """x: trained share; y: `measure`. Recorded settings are small, with the range of their seeds; the
    reader's are large."""
    figure = go.Figure()
    for method in as_taught():
        for is_recorded in (True, False):
            mine = [s for s in found if s.name == method and s.is_recorded == is_recorded]
            if mine:
                figure.add_trace(_trace(method, mine, measure, is_recorded=is_recorded))
    figure.update_layout(
        xaxis={"title": "trained share (%, log scale)", "type": "log"},
        yaxis={"title": AXES[measure]},
        height=540,
        margin={"l": 10, "r": 10, "t": 20},
        legend={
            "orientation": "h",
            "y": -0.2,
            "entrywidth": 140,
            "font": {"size": 11},
            "maxheight": 1,
        },
    )
    figure.update_xaxes(dtick=1, tickformat="~g")
    if measure in KEPT_WORDS or measure == "sentiment":
        return figure.update_yaxes(range=[-0.04, 1.08])
    return figure.update_yaxes(rangemode="tozero")


def _trace(
    method: str, mine: Sequence[MethodSetting], measure: str, *, is_recorded: bool
) -> go.Scatter:
    unit = MB if measure == "total_bytes" else 1.0
    means = [(s.mean(measure) or 0.0) / unit for s in mine]
    ranges = [(min(v) / unit, max(v) / unit) for v in (s.values(measure) for s in mine)]
    title = METHODS[method].title
    return go.Scatter(
        x=[100 * s.rows[0].share for s in mine],
        y=means,
        error_y=error_bars(means, ranges, thickness=1, width=3),
        mode="markers",
        marker={
            "symbol": METHODS[method].symbol,
            "size": 11 if is_recorded else 18,
            "color": COLOURS[METHODS[method].family],
            "line": {"width": 0 if is_recorded else 2, "color": "#ffffff"},
        },
        name=title if is_recorded else f"yours: {title}",
        text=[
            f"{s.title}<br>{'recorded' if is_recorded else 'yours'}, {len(s.rows)} seeds<br>"
            f"{s.rows[0].n_trained:,} parameters"
            for s in mine
        ],
        hovertemplate="%{text}<br>%{x:.3g} %, %{y:.3g}<extra></extra>",
    )
