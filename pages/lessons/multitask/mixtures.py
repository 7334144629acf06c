"""What the recorded mixtures of tasks, and the reader's own, show: frames, findings and charts."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from core import catalog
from core.experiments import record
from core.experiments.mixtures import GENERAL, HELD_OUT, SCORED, TRAINED, Mixture, mixture
from core.runs.states import RunStatus
from pages.shared.colours import BLUE, GREY, ORANGE, TASK_COLOURS
from pages.shared.engine import current_model, events_of, store

GROUPS = {
    "trained": ("Tasks trained on", BLUE),
    "untrained": ("Tasks of this lesson not trained on", ORANGE),
    "held_out": (f"{catalog.TASKS[HELD_OUT].title}, held out", TASK_COLOURS[HELD_OUT]),
    "general": (catalog.TASKS[GENERAL].title, TASK_COLOURS[GENERAL]),
}
BASE_MODEL, ALONE, TOGETHER = "base model", "tuned on one", "tuned on all"
KINDS = {BASE_MODEL: GREY, ALONE: ORANGE, TOGETHER: BLUE}
SHAPES = {BASE_MODEL: "circle", ALONE: "diamond", TOGETHER: "square"}
CLEAR = 0.05
"""A mean that moved less is said to hardly move."""
SCORE = alt.Scale(domain=[0, 1])
TICKS = alt.Axis(tickCount=5, format=".1f")
Chart = alt.LayerChart | alt.FacetChart


@st.cache_data(show_spinner=False)
def recorded_mixtures() -> list[Mixture]:
    """The runs that come with the app; empty when there are none."""
    found = record.recorded("mixtures")
    runs = found.runs if found else ()
    made = (mixture(run.config, run.events, is_recorded=True) for run in runs)
    return [m for m in made if m]


@st.cache_data(show_spinner=False, max_entries=500)
def finished_mixture(run_id: str) -> Mixture | None:
    """What a finished run scored; its record does not change any more."""
    return mixture(store().get(run_id).config_dict, events_of(run_id), run_id=run_id)


def own_mixtures() -> list[Mixture]:
    """The reader's finished runs that scored every task and are not among the recorded ones."""
    shipped = record.recorded("mixtures")
    known = [run.config for run in shipped.runs] if shipped else []
    ended = [
        run
        for run in store().runs()
        if run.status == RunStatus.FINISHED and is_comparable(run.config_dict, known)
    ]
    found = (finished_mixture(run.id) for run in ended)
    return [m for m in found if m and all(task in m.scores for task in SCORED)]


def is_comparable(config: dict[str, Any], known: Sequence[dict[str, Any]]) -> bool:
    """The lesson's model without a cure, and not `known` already."""
    cure = config.get("cure", {})
    is_plain = cure.get("regularizer", "none") == "none" and not cure.get("rehearse")
    return config["model"] == current_model().id and is_plain and config not in known


def group_rows(mixtures: Sequence[Mixture]) -> pd.DataFrame:
    """One row per run and group of tasks: "k" tasks trained on, "group", mean "score", mean "base",
    "tasks" in words, "seed", "own"."""
    rows: list[dict[str, Any]] = []
    for m in mixtures:
        members = {"trained": m.tasks, "untrained": m.untrained}
        members |= {"held_out": (HELD_OUT,), "general": (GENERAL,)}
        words = ", ".join(catalog.TASKS[task].title for task in m.tasks)
        for name, tasks in members.items():
            score, base = m.mean(tasks), m.mean(tasks, before=True)
            if score is not None:
                row = {"k": len(m.tasks), "group": name, "score": score, "base": base}
                rows.append({**row, "tasks": words, "seed": m.seed, "own": not m.is_recorded})
    return pd.DataFrame(rows, columns=["k", "group", "score", "base", "tasks", "seed", "own"])


def moved(before: float, after: float) -> str:
    """A change of a mean score in words that do not say more than the figures."""
    if abs(after - before) < CLEAR:
        return f"hardly move ({before:.2f} to {after:.2f})"
    return f"{'rise' if after > before else 'fall'} from {before:.2f} to {after:.2f}"


def forgetting_finding(rows: pd.DataFrame) -> str:
    """What the recorded runs say of the number of tasks, in two sentences."""
    recorded = rows.query("not own")

    def words(name: str, k: int) -> str:
        mine = recorded.query("group == @name and k == @k")
        return moved(mine.base.mean(), mine.score.mean())

    most = int(recorded.k.max())
    return (
        f"Tuned on one task, the other tasks {words('untrained', 1)}, and general questions "
        f"{words('general', 1)}. Tuned on all {most}, general questions {words('general', most)}."
    )


def group_chart(rows: pd.DataFrame, name: str) -> Chart:
    """One group of tasks over the number of tasks trained on: runs, their means, and the base model."""
    title, colour = GROUPS[name]
    mine = rows.query("group == @name")
    recorded = mine.query("not own")
    means = recorded.pivot_table(index="k", values=["score", "base"]).reset_index()
    x = alt.X(
        "k:Q",
        title="tasks trained on at once",
        scale=alt.Scale(domain=[0.7, len(TRAINED) + 0.3]),
        axis=alt.Axis(values=list(range(1, len(TRAINED) + 1)), format="d", grid=False),
    )
    y = alt.Y("score:Q", title="mean score", scale=SCORE)
    tooltip = ["tasks", "seed", alt.Tooltip("score", format=".2f")]
    start = alt.Chart(means).mark_line(strokeDash=[5, 4], color=GREY, strokeWidth=2)
    line = alt.Chart(means).mark_line(color=colour, strokeWidth=3)
    dots = alt.Chart(recorded).mark_circle(color=colour, size=45, opacity=0.6)
    own = mine.query("own")
    rings = alt.Chart(own).mark_point(color=colour, size=170, filled=False, strokeWidth=2)
    layers = (
        start.encode(x=x, y=alt.Y("base:Q", title="mean score", scale=SCORE))
        + line.encode(x=x, y=y)
        + dots.encode(x=x, y=y, tooltip=tooltip)
    )
    if not own.empty:  # an empty layer has nothing to say to a screen reader
        layers += rings.encode(x=x, y=y, tooltip=tooltip)
    return layers.properties(title=title, height=270, description=f"{title}: mean score by k")


def averaged(
    found: Sequence[Mixture], task: str, *, before: bool = False
) -> tuple[float, float, float]:
    """Score and interval of a task, each averaged over seeds: these share their test examples, so more
    seeds do not narrow the interval."""
    scores = [m.scores[task] for m in found]
    intervals = [s.before_interval if before else s.interval for s in scores]
    score = fmean(s.before if before else s.after for s in scores)
    return score, fmean(low for low, _ in intervals), fmean(high for _, high in intervals)


def alone_rows(mixtures: Sequence[Mixture]) -> pd.DataFrame:
    """Three rows per task: "task", "kind" (base model, alone, all seven), "score", "low", "high"."""
    together = [m for m in mixtures if set(m.tasks) == set(TRAINED)]
    rows: list[dict[str, Any]] = []
    for task in TRAINED:
        alone = [m for m in mixtures if m.tasks == (task,)]
        rows += _kinds(task, catalog.TASKS[task].title, alone, together)
    return pd.DataFrame(rows)


def _kinds(
    task: str, title: str, alone: Sequence[Mixture], together: Sequence[Mixture]
) -> list[dict[str, Any]]:
    if not alone or not together:
        return []
    values = {
        BASE_MODEL: averaged(alone, task, before=True),
        ALONE: averaged(alone, task),
        TOGETHER: averaged(together, task),
    }
    return [
        {"task": title, "kind": kind, "score": score, "low": low, "high": high}
        for kind, (score, low, high) in values.items()
    ]


def alone_finding(rows: pd.DataFrame) -> str:
    """How often all seven at once did better or worse than alone, and how sure that is."""
    table = rows.pivot(index="task", columns="kind", values=["score", "low", "high"])
    alone, together = table["score"][ALONE], table["score"][TOGETHER]
    overlap = (table["low"][ALONE] <= table["high"][TOGETHER]) & (
        table["low"][TOGETHER] <= table["high"][ALONE]
    )
    n = len(table)
    return (
        f"Against tuning on a task alone, tuning on all at once scores higher in "
        f"{(together > alone).sum()} and lower in {(together < alone).sum()} of {n} tasks. "
        f"In {overlap.sum()} of {n} the 95 % intervals overlap."
    )


def carry_rows(mixtures: Sequence[Mixture]) -> pd.DataFrame:
    """The held-out task: a row for the base model, each task alone, and all seven: "model", "kind",
    "score", "low", "high"."""
    rows: list[dict[str, Any]] = []

    def add(model: str, kind: str, values: tuple[float, float, float]) -> None:
        score, low, high = values
        rows.append({"model": model, "kind": kind, "score": score, "low": low, "high": high})

    if mixtures:
        add("Base model", BASE_MODEL, averaged(mixtures, HELD_OUT, before=True))
    for task in TRAINED:
        if alone := [m for m in mixtures if m.tasks == (task,)]:
            add(catalog.TASKS[task].title, ALONE, averaged(alone, HELD_OUT))
    if together := [m for m in mixtures if set(m.tasks) == set(TRAINED)]:
        add("All seven", TOGETHER, averaged(together, HELD_OUT))
    return pd.DataFrame(rows)


def carry_finding(rows: pd.DataFrame) -> str:
    """Whether the held-out task moved beyond what the intervals leave open; "" without a run on all."""
    if TOGETHER not in set(rows.kind):
        return ""
    title = catalog.TASKS[HELD_OUT].title
    start, end = rows[rows.kind == BASE_MODEL].iloc[0], rows[rows.kind == TOGETHER].iloc[0]
    said = (
        f"{title} scores {start.score:.2f} before and {end.score:.2f} after tuning on all seven. "
    )
    if end.low > start.high:
        said += "The 95 % intervals do not overlap: something carried over."
    elif end.high < start.low:
        said += "The 95 % intervals do not overlap: it got worse, so nothing good carried over."
    else:
        said += "The 95 % intervals overlap, so these runs do not show that anything carries over."
    alone = rows[rows.kind == ALONE]
    up, down = (alone.low > start.high).sum(), (alone.high < start.low).sum()
    return (
        f"{said} Of {len(alone)} tasks alone, {up} raised it clearly and {down} lowered it clearly."
    )


def dot_chart(rows: pd.DataFrame, y_name: str, *, with_offset: bool) -> Chart:
    """Scores with their intervals, one row per value of `y_name`; kinds beside each other if asked."""
    order = list(dict.fromkeys(rows[y_name]))
    kinds = list(KINDS)
    axis = alt.Axis(labelLimit=140, labelOverlap=False, grid=not with_offset)
    y: dict[str, Any] = {"y": alt.Y(f"{y_name}:N", title=None, sort=order, axis=axis)}
    if with_offset:
        y["yOffset"] = alt.YOffset("kind:N", sort=kinds, scale=alt.Scale(paddingOuter=0.6))
    legend = alt.Legend(orient="top", columns=2, title=None, symbolOpacity=1)
    palette = alt.Scale(domain=kinds, range=list(KINDS.values()))
    shapes = alt.Scale(domain=kinds, range=list(SHAPES.values()))
    colour = alt.Color("kind:N", scale=palette, legend=legend)
    chart = alt.Chart(rows)
    bars = chart.mark_rule(strokeWidth=3, opacity=0.45).encode(
        x=alt.X("low:Q", title="score on test examples", scale=SCORE, axis=TICKS),
        x2="high:Q",
        color=colour,
        **y,
    )
    dots = chart.mark_point(filled=True, size=90, opacity=1).encode(
        x=alt.X("score:Q", scale=SCORE, axis=TICKS),
        color=colour,
        shape=alt.Shape("kind:N", scale=shapes, legend=legend),
        tooltip=[y_name, "kind", *(alt.Tooltip(v, format=".2f") for v in ("score", "low", "high"))],
        **y,
    )
    row_px = 64 if with_offset else 32
    return (bars + dots).properties(height=row_px * len(order) + 110)
