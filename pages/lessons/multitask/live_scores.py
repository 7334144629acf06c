"""A run on several tasks while it happens: what each task scores and answers now, check by check."""

from collections.abc import Sequence
from dataclasses import replace

import altair as alt
import pandas as pd
import streamlit as st

from core import catalog
from core.events import Evaluation, Event, Sample
from core.experiments.mixtures import GENERAL, HELD_OUT, SCORED
from core.percent import percent
from core.runs.store import Run
from pages.shared.cards import Card, cards_of, show_cards
from pages.shared.colours import BLUE, GREY, ORANGE, TASK_COLOURS
from pages.shared.live import follow, recorded_behind
from pages.shared.live_chart import live_chart, scores_in

BASE_MODEL, TRAINED_ON, NOT_TRAINED_ON, HELD = (
    "base model",
    "trained on",
    "not trained on",
    "held out",
)
COLOURS = {BASE_MODEL: GREY, TRAINED_ON: BLUE, NOT_TRAINED_ON: ORANGE, HELD: TASK_COLOURS[HELD_OUT]}
SHAPES = {
    BASE_MODEL: "circle",
    TRAINED_ON: "square",
    NOT_TRAINED_ON: "diamond",
    HELD: "triangle-up",
}
"""Told apart by shape as well as by colour."""
ROW_PX = 30


def shares(tasks: Sequence[str], weights: Sequence[float]) -> str:
    """How much of every batch each task gets, in one sentence."""
    total = sum(weights)
    if len(tasks) == 1:
        return f"{catalog.TASKS[tasks[0]].title} gets all of the examples."
    if len(set(weights)) == 1:
        return f"Each task: {percent(1 / len(tasks))} of the examples."
    parts = [
        f"{catalog.TASKS[task].title} {percent(weight / total)}"
        for task, weight in zip(tasks, weights, strict=True)
    ]
    return f"Of the examples: {', '.join(parts)}."


def group(task: str, trained: Sequence[str]) -> str:
    if task in trained:
        return TRAINED_ON
    return HELD if task == HELD_OUT else NOT_TRAINED_ON


def in_order(trained: Sequence[str]) -> list[str]:
    """All tasks scored: those trained on first, the held-out one last."""
    places = [TRAINED_ON, NOT_TRAINED_ON, HELD]
    return sorted(SCORED, key=lambda task: places.index(group(task, trained)))


def score_rows(events: Sequence[Event], trained: Sequence[str]) -> pd.DataFrame:
    """Two rows per task scored, the base model and now: "task" (its title), "kind", "score", the
    interval "low" to "high", "n" examples, "step"; in the order they are drawn."""
    found = [e for e in events if isinstance(e, Evaluation)]
    rows: list[dict[str, str | float]] = []
    for task in in_order(trained):
        mine = [e for e in found if e.task == task]
        for e in mine[:1] + mine[1:][-1:]:
            kind = BASE_MODEL if e.step == 0 else group(task, trained)
            low, high = e.interval
            row = {"task": catalog.TASKS[task].title, "kind": kind, "score": e.score}
            rows.append({**row, "low": low, "high": high, "n": e.n, "step": e.step})
    return pd.DataFrame(rows)


def heading(frame: pd.DataFrame) -> str:
    """Then and now: the mean of the tasks trained on, general questions, and the mean of the other tasks."""
    step = int(frame.step.max())
    if step == 0:
        return "Step 0: the base model. The first scores of the tuned model come soon."
    now = frame[frame.kind != BASE_MODEL].set_index("task")
    start = frame[frame.kind == BASE_MODEL].set_index("task").score
    parts: list[str] = []
    general = catalog.TASKS[GENERAL].title
    mine = list(now.index[now.kind == TRAINED_ON])
    others = [task for task in now.index if task not in mine and task != general]
    words = others[0] if len(others) == 1 else f"{len(others)} other tasks"
    groups = (("tasks trained on", mine), (general, [general]), (words, others))
    for name, tasks in groups:
        if tasks and set(tasks) <= set(now.index):
            before, after = start[tasks].mean(), now.score[tasks].mean()
            parts.append(f"{name} {before:.2f} → {after:.2f}")
    return f"Step {step}, mean scores: {', '.join(parts)}"


def score_chart(
    frame: pd.DataFrame, recorded: pd.DataFrame | None = None
) -> alt.LayerChart | alt.FacetChart:
    """Per task: a grey dot for the base model, a coloured mark with its interval for now; a grey ring for
    what the recorded run of the same settings had by then."""
    kinds = [kind for kind in COLOURS if kind in set(frame.kind)]
    y = alt.Y(
        "task:N",
        title=None,
        sort=list(dict.fromkeys(frame.task)),
        axis=alt.Axis(labelLimit=140, labelOverlap=False, grid=True),
    )
    ticks = alt.Axis(tickCount=5, format=".1f")
    scale = alt.Scale(domain=[0, 1])
    x = alt.X("score:Q", title="score on test examples", scale=scale, axis=ticks)
    palette = alt.Scale(domain=kinds, range=[COLOURS[kind] for kind in kinds])
    legend = alt.Legend(orient="top", columns=2, title=None, symbolOpacity=1)
    chart = alt.Chart(frame)
    bars = chart.mark_rule(strokeWidth=3, opacity=0.45).encode(
        x=alt.X("low:Q", title="score on test examples", scale=scale, axis=ticks),
        x2="high:Q",
        y=y,
        color=alt.Color("kind:N", scale=palette, legend=legend),
    )
    dots = chart.mark_point(filled=True, size=110, opacity=1).encode(
        x=x,
        y=y,
        color=alt.Color("kind:N", scale=palette, legend=legend),
        shape=alt.Shape(
            "kind:N",
            scale=alt.Scale(domain=kinds, range=[SHAPES[kind] for kind in kinds]),
            legend=legend,
        ),
        tooltip=[
            "task",
            alt.Tooltip("kind", title="model"),
            alt.Tooltip("score", format=".2f"),
            alt.Tooltip("low", format=".2f"),
            alt.Tooltip("high", format=".2f"),
            alt.Tooltip("n", title="examples"),
            "step",
        ],
    )
    layers = [bars, dots]
    if recorded is not None:
        rings = alt.Chart(recorded).mark_point(
            size=260, shape="circle", color=GREY, strokeWidth=3, filled=False
        )
        shown = ["task", alt.Tooltip("score", title="recorded", format=".2f"), "n", "step"]
        layers.insert(0, rings.encode(x=x, y=y, tooltip=shown))
    return alt.layer(*layers).properties(
        height=ROW_PX * frame.task.nunique() + 130, description=heading(frame)
    )


def recorded_by(run: Run, trained: Sequence[str], *, step: int) -> pd.DataFrame | None:
    """The scores of the recorded run of the same settings at the last check up to `step`; None without one."""
    events = [e for e in recorded_behind(run) if getattr(e, "step", 0) <= step]
    rows = score_rows(events, trained)
    return pd.DataFrame(rows[rows.kind != BASE_MODEL]) if step and not rows.empty else None


def answer_cards(events: Sequence[Event], trained: Sequence[str]) -> list[Card]:
    """One fixed example per task: its prompt, the right answer, the base model's and the latest."""
    cards: list[Card] = []
    for task in in_order(trained):
        mine = [e for e in events if isinstance(e, Sample) and e.task == task]
        title = catalog.TASKS[task].title
        cards += [replace(card, prompt=f"{title}: {card.prompt}") for card in cards_of(mine)]
    return cards


def mixture_view(run_id: str) -> None:
    """The scores and answers of every task, live while the run trains."""
    follow(run_id, draw)


def draw(run: Run, events: list[Event]) -> None:
    trained = run.config.data.tasks
    frame = score_rows(events, trained)
    if frame.empty:
        if run.status.is_over:
            st.caption("This run was scored on no task of this lesson; the page Runs shows it all.")
        return
    st.markdown(f"**{heading(frame)}**")
    recorded = recorded_by(run, trained, step=int(frame.step.max()))
    live_chart(
        ("mixture", run.id, scores_in(events), recorded is None),
        lambda: score_chart(frame, recorded),
    )
    counts = frame.groupby(frame.kind == BASE_MODEL).n.max()
    now = f" and {counts[False]} now" if False in counts else ""
    st.caption(
        f"Test examples per task: {counts[True]} for the base model{now}. Bars: 95 % intervals."
    )
    if cards := answer_cards(events, trained):
        st.markdown("**One example of each task, and its answer now**")
        show_cards(cards)
