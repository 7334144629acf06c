"""What the recorded mixtures of tasks, and the reader's own, show: frames, findings and charts."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import fmean

import altair as alt
import pandas as pd
import streamlit as st

from core import catalog
from core.config import RunConfig
from core.evaluate.apart import Interval, are_apart, runs_words
from core.experiments import record
from core.experiments.mixtures import (
    GENERAL,
    HELD_OUT,
    SCORED,
    TRAINED,
    Mixture,
    carried_over,
    mean_task_lines,
    mixture,
)
from core.runs.states import RunStatus
from pages.shared.colours import BLUE, GREY, ORANGE, TASK_COLOURS
from pages.shared.engine import current_model, events_of, store
from pages.shared.two_lines import line_columns, line_marks

GROUPS = {
    "trained": ("Tasks trained on", BLUE),
    "untrained": ("Tasks of this lesson not trained on", ORANGE),
    "held_out": (f"{catalog.TASKS[HELD_OUT].title}, held out", TASK_COLOURS[HELD_OUT]),
    "general": (catalog.TASKS[GENERAL].title, TASK_COLOURS[GENERAL]),
}
BASE_MODEL, ALONE, TOGETHER = "base model", "tuned on one", "tuned on all"
KINDS = {BASE_MODEL: GREY, ALONE: ORANGE, TOGETHER: BLUE}
SHAPES = {BASE_MODEL: "circle", ALONE: "diamond", TOGETHER: "square"}
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
    return mixture(store().get(run_id).valid_config, events_of(run_id), run_id=run_id)


def own_mixtures() -> list[Mixture]:
    """The reader's finished runs that scored every task and are not among the recorded ones."""
    shipped = record.recorded("mixtures")
    known = [run.config for run in shipped.runs] if shipped else []
    ended = [
        run
        for run in store().runs()
        if run.status == RunStatus.FINISHED and is_comparable(run.valid_config, known)
    ]
    found = (finished_mixture(run.id) for run in ended)
    return [m for m in found if m and all(task in m.scores for task in SCORED)]


def is_comparable(config: RunConfig | None, known: Sequence[RunConfig]) -> bool:
    """The lesson's model without a cure, and not `known` already."""
    if config is None or config.model != current_model().id or config in known:
        return False
    return config.cure.regularizer == "none" and not config.cure.rehearse


@dataclass(frozen=True, kw_only=True)
class GroupRow:
    """A run's mean score over a group of tasks, and the base model's, with their intervals."""

    k: int
    """Tasks trained on."""
    group: str
    score: float
    low: float
    high: float
    base: float | None
    base_low: float
    base_high: float
    tasks: str
    """In words."""
    seed: int
    own: bool


@dataclass(frozen=True, kw_only=True)
class KindRow:
    """What the base model, or a model tuned on one or all tasks, scored on a task."""

    label: str
    """What the chart calls the row."""
    kind: str
    score: float
    low: float
    high: float
    right_form: float | None
    label_accuracy: float | None
    runs: int


def group_rows(mixtures: Sequence[Mixture]) -> pd.DataFrame:
    """A `GroupRow` per run and group of tasks."""
    rows: list[GroupRow] = []
    for m in mixtures:
        members = {"trained": m.tasks, "untrained": m.untrained}
        members |= {"held_out": (HELD_OUT,), "general": (GENERAL,)}
        words = ", ".join(catalog.TASKS[task].title for task in m.tasks)
        for name, tasks in members.items():
            score, base = m.mean(tasks), m.mean(tasks, before=True)
            if score is not None:
                low, high = m.mean_interval(tasks)
                base_low, base_high = m.mean_interval(tasks, before=True)
                rows.append(
                    GroupRow(
                        k=len(m.tasks),
                        group=name,
                        score=score,
                        low=low,
                        high=high,
                        base=base,
                        base_low=base_low,
                        base_high=base_high,
                        tasks=words,
                        seed=m.seed,
                        own=not m.is_recorded,
                    )
                )
    return pd.DataFrame(rows, columns=[field.name for field in fields(GroupRow)])


def moved(before: float, after: float, start: Interval, end: Interval) -> str:
    """A change of a mean score; it rises or falls only where its intervals part."""
    if not are_apart(start, end):
        return f"go from {before:.2f} to {after:.2f}, which may be chance"
    return f"{'rise' if after > before else 'fall'} from {before:.2f} to {after:.2f}"


def forgetting_finding(rows: pd.DataFrame) -> str:
    """What the recorded runs say of the number of tasks, and of how many runs that is.

    Runs share their test examples, so more of them do not narrow an interval: it is averaged.
    """
    recorded = rows.query("not own")

    def words(name: str, k: int) -> str:
        mine = recorded.query("group == @name and k == @k").mean(numeric_only=True)
        start, end = (mine.base_low, mine.base_high), (mine.low, mine.high)
        return moved(mine.base, mine.score, start, end)

    def how_many(k: int) -> str:
        mine = recorded.query("group == 'general' and k == @k")
        seeds = mine.seed.nunique()
        if len(mine) == 1:
            return runs_words(1)
        return f"{runs_words(len(mine))}, {'one seed' if seeds == 1 else f'{seeds} seeds'}"

    most = int(recorded.k.max())
    return (
        f"Tuned on one task ({how_many(1)}), the other tasks {words('untrained', 1)}, and general "
        f"questions {words('general', 1)}. Tuned on all {most} ({how_many(most)}), general questions "
        f"{words('general', most)}."
    )


def group_chart(rows: pd.DataFrame, name: str) -> Chart:
    """One group of tasks over the number of tasks trained on: runs, their means, and the base model."""
    title, colour = GROUPS[name]
    mine = rows.query("group == @name")
    recorded = mine.query("not own")
    means = recorded.pivot_table(
        index="k", values=["score", "low", "high", "base", "base_low", "base_high"]
    ).reset_index()
    x = alt.X(
        "k:Q",
        title="tasks trained on at once",
        scale=alt.Scale(domain=[0.7, len(TRAINED) + 0.3]),
        axis=alt.Axis(values=list(range(1, len(TRAINED) + 1)), format="d", grid=False),
    )
    y = alt.Y("score:Q", title="mean score", scale=SCORE)
    tooltip = ["tasks", "seed", alt.Tooltip("score", format=".2f")]
    chart = alt.Chart(means)  # no line: each k has other tasks
    base_bars = chart.mark_rule(color=GREY, strokeWidth=2, opacity=0.45, xOffset=-6)
    start = chart.mark_point(color=GREY, filled=True, size=60, xOffset=-6, opacity=1)
    bars = chart.mark_rule(color=colour, strokeWidth=3, opacity=0.45)
    ends = chart.mark_point(color=colour, filled=True, size=110, shape="square", opacity=1)
    dots = alt.Chart(recorded).mark_circle(color=colour, size=45, opacity=0.6)
    own = mine.query("own")
    rings = alt.Chart(own).mark_point(color=colour, size=170, filled=False, strokeWidth=2)
    layers = (
        base_bars.encode(
            x=x, y=alt.Y("base_low:Q", title="mean score", scale=SCORE), y2="base_high:Q"
        )
        + start.encode(x=x, y=alt.Y("base:Q", scale=SCORE))
        + bars.encode(x=x, y=alt.Y("low:Q", scale=SCORE), y2="high:Q")
        + ends.encode(x=x, y=y)
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
    """Three `KindRow`s per task: the base model, alone and all seven; its title is "task"."""
    together = [m for m in mixtures if set(m.tasks) == set(TRAINED)]
    rows: list[KindRow] = []
    for task in TRAINED:
        alone = [m for m in mixtures if m.tasks == (task,)]
        if alone and together:
            title = catalog.TASKS[task].title
            rows.append(kind_row(title, BASE_MODEL, alone, task))
            rows.append(kind_row(title, ALONE, alone, task))
            rows.append(kind_row(title, TOGETHER, together, task))
    return pd.DataFrame(rows).rename(columns={"label": "task"})


def kind_row(label: str, kind: str, found: Sequence[Mixture], task: str) -> KindRow:
    """What the runs `found`, seeds of one mixture, scored on `task` after training, or before it."""
    before = kind == BASE_MODEL
    score, low, high = averaged(found, task, before=before)
    both = line_columns(mean_task_lines(found, task, before=before))
    return KindRow(label=label, kind=kind, score=score, low=low, high=high, runs=len(found), **both)


def alone_finding(rows: pd.DataFrame) -> str:
    """In how many tasks all seven at once did better or worse than alone, as far as intervals part."""
    kinds = rows.set_index("task").groupby("kind")
    alone, together = kinds.get_group(ALONE), kinds.get_group(TOGETHER)
    n_higher: int = (together.low > alone.high).sum()
    n_lower: int = (together.high < alone.low).sum()
    n_open = len(alone) - n_higher - n_lower
    said = (
        f"Against tuning on a task alone ({runs_words(alone.runs.min())} each), tuning on all at once "
        f"scores higher in {n_higher} and lower in {n_lower} of {len(alone)} tasks."
    )
    if n_open:
        said += f" In the other {n_open} the 95 % intervals overlap, so these runs do not decide."
    return said


def carry_rows(mixtures: Sequence[Mixture]) -> pd.DataFrame:
    """The held-out task: a `KindRow` for the base model, each task alone, and all seven; who is "model"."""
    rows: list[KindRow] = []
    if mixtures:
        rows.append(kind_row("Base model", BASE_MODEL, mixtures, HELD_OUT))
    for task in TRAINED:
        if alone := [m for m in mixtures if m.tasks == (task,)]:
            rows.append(kind_row(catalog.TASKS[task].title, ALONE, alone, HELD_OUT))
    if together := [m for m in mixtures if set(m.tasks) == set(TRAINED)]:
        rows.append(kind_row("All seven", TOGETHER, together, HELD_OUT))
    return pd.DataFrame(rows).rename(columns={"label": "model"})


def carry_finding(rows: pd.DataFrame, mixtures: Sequence[Mixture]) -> str:
    """Whether the held-out task moved beyond what the intervals leave open; "" without a run on all."""
    if TOGETHER not in set(rows.kind):
        return ""
    title = catalog.TASKS[HELD_OUT].title
    start, end = rows[rows.kind == BASE_MODEL].iloc[0], rows[rows.kind == TOGETHER].iloc[0]
    said = (
        f"{title} scores {start.score:.2f} before and {end.score:.2f} after tuning on all seven. "
    )
    said += carried_over([m for m in mixtures if set(m.tasks) == set(TRAINED)])
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
    y = alt.Y(f"{y_name}:N", title=None, sort=order, axis=axis)
    beside = alt.YOffset("kind:N", sort=kinds, scale=alt.Scale(paddingOuter=0.6))
    offset = beside if with_offset else alt.Undefined
    legend = alt.Legend(orient="top", columns=2, title=None, symbolOpacity=1)
    palette = alt.Scale(domain=kinds, range=list(KINDS.values()))
    shapes = alt.Scale(domain=kinds, range=list(SHAPES.values()))
    colour = alt.Color("kind:N", scale=palette, legend=legend)
    chart = alt.Chart(rows)
    bars = chart.mark_rule(strokeWidth=3, opacity=0.45).encode(
        x=alt.X("low:Q", title="score on test examples", scale=SCORE, axis=TICKS),
        x2="high:Q",
        color=colour,
        y=y,
        yOffset=offset,
    )
    dots = chart.mark_point(filled=True, size=90, opacity=1).encode(
        x=alt.X("score:Q", scale=SCORE, axis=TICKS),
        color=colour,
        shape=alt.Shape("kind:N", scale=shapes, legend=legend),
        tooltip=[y_name, "kind", *(alt.Tooltip(v, format=".2f") for v in ("score", "low", "high"))],
        y=y,
        yOffset=offset,
    )
    row_px = 64 if with_offset else 32
    lines = line_marks(rows, scale=SCORE, y=y, yOffset=offset)
    return alt.layer(bars, dots, *lines).properties(height=row_px * len(order) + 110)
