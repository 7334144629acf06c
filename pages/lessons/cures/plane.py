"""The learning-forgetting plane: recorded runs and the reader's own, settings by cure, Pareto front."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.experiments import record
from core.experiments.claims import LEARNED_ENOUGH, not_apart_words
from core.experiments.mitigations import MITIGATIONS
from core.experiments.plane import Point, Setting, pareto_front, point, settings
from pages.shared.colours import GREY
from pages.shared.engine import events_of, store
from pages.shared.error_bars import ErrorBars, error_bars
from pages.shared.settings import decimals
from pages.shared.two_lines import line_cells

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
KEPT_TITLES = {"general": "general questions", "names": "names"}


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
    return point(store().get(run_id).valid_config, events_of(run_id), run_id=run_id)


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
    score: str = "general",
    base: float | None = None,
    last_run: str = "",
    with_checks: bool = False,
    with_front: bool = True,
) -> go.Figure:
    """x: the new task; y: `score` ("general" or "names"). Recorded settings are small, with the range of
    their seeds; the reader's are large, with their checks while training. Marks are hollow where names
    were in training. `with_checks` draws the checks of recorded runs, too."""
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
    if with_checks:
        figure.add_traces([_checks_trace(p, score) for p in recorded])
    for p in own:
        if value_of(p, score) is not None:
            figure.add_trace(_own_trace(p, score, is_last=p.run_id == last_run))
    front = pareto_front([*together, *settings(own)], score) if with_front else []
    if front:
        figure.add_trace(
            go.Scatter(
                x=[s.learned for s, _ in front],
                y=[kept for _, kept in front],
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
        (s, kept)
        for s in found
        if s.learned >= LEARNED_ENOUGH and (kept := s.kept(score)) is not None
    ]
    if not enough:
        unseen = " without training on names" if score == "names" else ""
        return f"No setting has learned sentiment to {LEARNED_ENOUGH} yet{unseen}"
    best, most = max(enough, key=lambda one: one[1])
    mitigation = MITIGATIONS[best.mitigation]
    near = not_apart_words(
        _runs(best, score), [_runs(s, score) for s, _ in enough if s is not best]
    )
    return (
        f"Of those that learned enough, {mitigation.title} ({mitigation.knob} {decimals(best.value)}) kept most: "
        f"{KEPT_TITLES[score]} {most:.2f}{near}"
    )


def _runs(found: Setting, score: str) -> list[float]:
    """The score of each run of a setting."""
    return [v for p in found.points if (v := value_of(p, score)) is not None]


def value_of(found: Setting | Point, score: str) -> float | None:
    """`learned`, `general` or `names` of a setting's mean or a run's end."""
    return getattr(found.end if isinstance(found, Point) else found, score)


def is_trained(found: Setting | Point, score: str) -> bool:
    """Whether what is shown as kept was in training."""
    return score == "names" and found.saw_names


def symbol_of(found: Setting | Point, score: str) -> str:
    """A cure's shape, hollow where the task was in training."""
    return SYMBOLS[found.mitigation] + ("-open" if is_trained(found, score) else "")


def trained_words(found: Setting | Point, score: str) -> str:
    return "<br>names were in its training" if is_trained(found, score) else ""


def _settings_trace(mitigation: str, mine: Sequence[Setting], score: str) -> go.Scatter:
    def bars(name: str) -> ErrorBars:
        means = [value_of(s, name) or 0.0 for s in mine]
        return error_bars(means, [s.spread(name) for s in mine], thickness=1, width=3)

    return go.Scatter(
        x=[s.learned for s in mine],
        y=[value_of(s, score) for s in mine],
        error_x=bars("learned"),
        error_y=bars(score),
        mode="markers",
        marker={
            "symbol": [symbol_of(s, score) for s in mine],
            "size": 10,
            "color": COLOURS[mitigation],
        },
        name=MITIGATIONS[mitigation].title,
        text=[
            f"{setting_name(s)}<br>recorded, {len(s.points)} seeds{trained_words(s, score)}"
            for s in mine
        ],
        hovertemplate="%{text}<br>learned %{x:.2f}, kept %{y:.2f}<extra></extra>",
    )


def _own_trace(p: Point, score: str, *, is_last: bool) -> go.Scatter:
    path = [c for c in p.path if getattr(c, score) is not None]
    *_, end = path
    sizes = [6] * (len(path) - 1) + [18 if is_last else 13]
    return go.Scatter(
        x=[c.learned for c in path],
        y=[getattr(c, score) for c in path],
        mode="markers",
        opacity=1.0 if is_last else 0.6,
        marker={
            "symbol": [symbol_of(p, score)] * len(path),
            "size": sizes,
            "color": COLOURS[p.mitigation],
        },
        name=f"yours: {setting_name(p)}, seed {p.seed}",
        showlegend=is_last,
        text=[f"{setting_name(p)}, seed {p.seed}<br>your run, step {c.step}" for c in path],
        hovertemplate="%{text}<br>learned %{x:.2f}, kept %{y:.2f}"
        + f" (n = {end.n} at the end)<extra></extra>",
    )


def _checks_trace(p: Point, score: str) -> go.Scatter:
    path = [c for c in p.path if getattr(c, score) is not None]
    return go.Scatter(
        x=[c.learned for c in path],
        y=[getattr(c, score) for c in path],
        mode="markers",
        marker={"symbol": symbol_of(p, score), "size": 4, "color": COLOURS[p.mitigation]},
        opacity=0.5,
        showlegend=False,
        hoverinfo="skip",
    )


def setting_table(found: Sequence[Setting]) -> pd.DataFrame:
    """One row per setting: its scores over seeds, best kept first among those that learned most."""
    rows = [
        {
            "cure": MITIGATIONS[s.mitigation].title,
            "setting": f"{MITIGATIONS[s.mitigation].knob} {decimals(s.value)}",
            "seeds": len(s.points),
            "sentiment learned": _with_range(s, "learned"),
            **line_cells(s.lines),
            "general questions kept": _with_range(s, "general") if s.general is not None else "–",
            "names": _with_range(s, "names"),
            "names in training": "yes" if s.saw_names else "no",
        }
        for s in sorted(found, key=lambda s: -(s.learned + (s.general or 0.0)))
    ]
    return pd.DataFrame(rows)


def _with_range(s: Setting, name: str) -> str:
    low, high = s.spread(name)
    mean = value_of(s, name)
    return f"{mean:.2f}" if len(s.points) == 1 else f"{mean:.2f} ({low:.2f} to {high:.2f})"
