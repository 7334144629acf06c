"""What the recorded mixtures of tasks, and the reader's own, show: frames and findings."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import fmean

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
from pages.shared.engine import current_model, events_of, store
from pages.shared.two_lines import line_columns

BASE_MODEL, ALONE, TOGETHER = "base model", "tuned on one", "tuned on all"


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
