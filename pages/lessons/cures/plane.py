"""The learning-forgetting plane: recorded runs and the reader's own, settings by cure, Pareto front."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.experiments import record
from core.experiments.claims import LEARNED_ENOUGH, not_apart_words
from core.experiments.mitigations import MITIGATIONS
from core.experiments.plane import Point, Setting, pareto_front, point, settings
from pages.shared.colours import GREY
from pages.shared.engine import events_of, store
from pages.shared.settings import decimals

COLOURS = {
    "full": "#D55E00",
    "lora": "#0072B2",
    "l2sp": "#56B4E9",
    "ewc": "#009E73",
    "kl": "#CC79A7",
    "rehearse": "#E69F00",
    "top_layers": GREY,
    "prompt": "#882255",
}
SYMBOLS = {
    "full": "circle",
    "lora": "square",
    "l2sp": "triangle-up",
    "ewc": "triangle-down",
    "kl": "diamond",
    "rehearse": "star",
    "top_layers": "hexagon",
    "prompt": "cross",
}
"""Told apart by shape as well as by colour."""
KEPT_TITLES = {"general": "general questions", "kept": "names"}
SAW_NAMES = ("ewc", "kl", "rehearse")
"""Cures that were given training prompts of names: names are no test of what they keep."""


@st.cache_data(show_spinner=False)
def recorded_points() -> list[Point]:
    """The runs that come with the app; empty when there are none."""
    found = record.recorded("cures")
    runs = found.runs if found else ()
    made = (point(run.config, run.events, is_recorded=True) for run in runs)
    return [p for p in made if p]


@st.cache_data(show_spinner=False, max_entries=500)
def finished_point(run_id: str) -> Point | None:
    """A finished run's place on the plane; its record does not change any more."""
    return point(store().get(run_id).config_dict, events_of(run_id), run_id=run_id)


def own_points() -> list[Point]:
    """The reader's finished runs that belong on the plane, newest first."""
    ended = [run for run in store().runs() if run.status == "finished"]
    return [p for run in ended if (p := finished_point(run.id))]


def setting_name(setting: Setting | Point) -> str:
    mitigation = MITIGATIONS[setting.mitigation]
    return f"{mitigation.title}, {mitigation.knob} {decimals(setting.value)}"


def plane_figure(
    recorded: Sequence[Point],
    own: Sequence[Point],
    *,
    score: str = "kept",
    base: float | None = None,
    last_run: str = "",
    with_paths: bool = False,
) -> go.Figure:
    """x: the new task; y: `score` ("kept" or "general"). Recorded settings are small, with the range of
    their seeds; the reader's are large, with their path over training. `with_paths` draws the paths of
    recorded runs, too."""
    figure = go.Figure()
    figure.add_vrect(
        x0=LEARNED_ENOUGH,
        x1=1.04,
        fillcolor=GREY,
        opacity=0.12,
        line_width=0,
        annotation_text="learned enough",
        annotation_position="top right",
    )
    if base is not None:
        figure.add_hline(
            y=base,
            line={"dash": "dot", "color": GREY},
            annotation_text=f"base model: {base:.2f}",
            annotation_position="bottom left",
        )
    together = settings(recorded)
    for mitigation in MITIGATIONS:
        mine = [
            s for s in together if s.mitigation == mitigation and value_of(s, score) is not None
        ]
        if mine:
            figure.add_trace(_settings_trace(mitigation, mine, score))
    if with_paths:
        figure.add_traces([_thin_path(p, score) for p in recorded])
    for p in own:
        if value_of(p, score) is not None:
            figure.add_trace(_path_trace(p, score, is_last=p.run_id == last_run))
    unseen = [s for s in [*together, *settings(own)] if not is_hollow(s.mitigation, score)]
    if score == "kept" and (front := pareto_front(unseen)):
        figure.add_trace(
            go.Scatter(
                x=[s.learned for s in front],
                y=[s.kept for s in front],
                mode="lines",
                line={"shape": "hv", "dash": "dash", "width": 1.5, "color": GREY},
                name="Pareto front of the means",
                hoverinfo="skip",
            )
        )
    what = KEPT_TITLES[score]
    return figure.update_layout(
        xaxis={"title": "learned: sentiment score", "range": [-0.04, 1.04]},
        yaxis={"title": f"kept: {what} score", "range": [-0.04, 1.14]},
        height=560,
        margin={"l": 10, "r": 10, "t": 20},
        legend={"orientation": "h", "y": -0.18},
    )


def headline(found: Sequence[Setting], score: str) -> str:
    """What the plane shows, in one line: which setting kept most among those that learned enough."""
    enough = [
        s
        for s in found
        if s.learned >= LEARNED_ENOUGH
        and value_of(s, score) is not None
        and not is_hollow(s.mitigation, score)
    ]
    if not enough:
        return f"No setting has learned sentiment to {LEARNED_ENOUGH} yet"
    best = max(enough, key=lambda s: value_of(s, score) or 0.0)
    mitigation = MITIGATIONS[best.mitigation]
    near = not_apart_words(_runs(best, score), [_runs(s, score) for s in enough if s is not best])
    return (
        f"Of those that learned enough, {mitigation.title} ({mitigation.knob} {decimals(best.value)}) kept most: "
        f"{KEPT_TITLES[score]} {value_of(best, score):.2f}{near}"
    )


def is_hollow(mitigation: str, score: str) -> bool:
    """Whether `score` is of a task that the cure was given."""
    return score == "kept" and mitigation in SAW_NAMES


def symbol(mitigation: str, score: str) -> str:
    return SYMBOLS[mitigation] + ("-open" if is_hollow(mitigation, score) else "")


def _runs(found: Setting, score: str) -> list[float]:
    """The score of each run of a setting."""
    return [v for p in found.points if (v := value_of(p, score)) is not None]


def value_of(found: Setting | Point, score: str) -> float | None:
    """`learned`, `kept` or `general` of a setting's mean or a run's end."""
    return getattr(found.end if isinstance(found, Point) else found, score)


def _settings_trace(mitigation: str, mine: Sequence[Setting], score: str) -> go.Scatter:
    def bars(name: str) -> dict[str, Any]:
        means = [value_of(s, name) or 0.0 for s in mine]
        spreads = [s.spread(name) for s in mine]
        return {
            "array": [high - mean for (_, high), mean in zip(spreads, means, strict=True)],
            "arrayminus": [mean - low for (low, _), mean in zip(spreads, means, strict=True)],
            "thickness": 1,
            "width": 3,
        }

    return go.Scatter(
        x=[s.learned for s in mine],
        y=[value_of(s, score) for s in mine],
        error_x=bars("learned"),
        error_y=bars(score),
        mode="markers",
        marker={"symbol": symbol(mitigation, score), "size": 10, "color": COLOURS[mitigation]},
        name=MITIGATIONS[mitigation].title,
        text=[f"{setting_name(s)}<br>recorded, {len(s.points)} seeds" for s in mine],
        hovertemplate="%{text}<br>learned %{x:.2f}, kept %{y:.2f}<extra></extra>",
    )


def _path_trace(p: Point, score: str, *, is_last: bool) -> go.Scatter:
    path = [c for c in p.path if getattr(c, score) is not None]
    *_, end = path
    sizes = [4] * (len(path) - 1) + [18 if is_last else 13]
    return go.Scatter(
        x=[c.learned for c in path],
        y=[getattr(c, score) for c in path],
        mode="lines+markers",
        line={"color": COLOURS[p.mitigation], "width": 2 if is_last else 1},
        opacity=1.0 if is_last else 0.6,
        marker={
            "symbol": [symbol(p.mitigation, score)] * len(path),
            "size": sizes,
            "color": COLOURS[p.mitigation],
            "line": {"width": [0] * (len(path) - 1) + [2], "color": "#ffffff"},
        },
        name=f"yours: {setting_name(p)}, seed {p.seed}",
        showlegend=is_last,
        text=[f"{setting_name(p)}, seed {p.seed}<br>your run, step {c.step}" for c in path],
        hovertemplate="%{text}<br>learned %{x:.2f}, kept %{y:.2f}"
        + f" (n = {end.n} at the end)<extra></extra>",
    )


def _thin_path(p: Point, score: str) -> go.Scatter:
    path = [c for c in p.path if getattr(c, score) is not None]
    return go.Scatter(
        x=[c.learned for c in path],
        y=[getattr(c, score) for c in path],
        mode="lines",
        line={"color": COLOURS[p.mitigation], "width": 0.7},
        opacity=0.5,
        showlegend=False,
        hoverinfo="skip",
    )


def setting_table(found: Sequence[Setting]) -> pd.DataFrame:
    """One row per setting: its scores over seeds, best kept first among those that learned most."""
    rows = [
        {
            "cure": MITIGATIONS[s.mitigation].title,
            "knob": f"{MITIGATIONS[s.mitigation].knob} {decimals(s.value)}",
            "seeds": len(s.points),
            "sentiment learned": _with_range(s, "learned"),
            "names kept": _with_range(s, "kept"),
            "general kept": _with_range(s, "general") if s.general is not None else "–",
        }
        for s in sorted(found, key=lambda s: -(s.learned + s.kept))
    ]
    return pd.DataFrame(rows)


def _with_range(s: Setting, name: str) -> str:
    low, high = s.spread(name)
    mean = value_of(s, name)
    return f"{mean:.2f}" if len(s.points) == 1 else f"{mean:.2f} ({low:.2f} to {high:.2f})"
