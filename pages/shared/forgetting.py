"""What a run learned and what it lost, while it happens and afterwards, check by check."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from math import nan
from typing import TypeVar

import altair as alt
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core import catalog
from core.evaluate.forgetting import Forgetting
from core.evaluate.form_and_label import lines, what_came_first, what_was_taught
from core.evaluate.limits import sample_as_shown
from core.evaluate.uncertainty import wilson_interval
from core.events import Evaluation, Event, MatrixMovement, Movement, NextTokens, Sample
from core.experiments.plane import tasks_seen
from core.percent import percent
from core.runs.duration import n_steps as planned_steps
from core.runs.store import Run
from pages.shared.cards import cards_of, show_cards
from pages.shared.check_marks import SCORE, TRAINED_NOTE, CheckRow, check_marks, check_rows
from pages.shared.colours import AMBER, BLUE, GREY, ORANGE, TASK_COLOURS
from pages.shared.live import follow
from pages.shared.live_chart import live_chart, scores_in
from pages.shared.plain import quoted
from pages.shared.recordings import recorded_like

E = TypeVar("E", bound=Event)
SENTIMENT_SHARE = "wrongly a sentiment"
"""Other prompts that are answered with a label of the reviews."""


def forgetting_view(run_id: str) -> None:
    """The run's curves of learning and forgetting, and its watched prompts; live while it trains."""
    follow(run_id, draw)


def draw(run: Run, events: list[Event]) -> None:
    """What the run answers and scores now; in grey behind it, the recorded run of the same settings."""
    recorded = recorded_like(run)
    watched = [e for e in events if isinstance(e, Sample) and not e.task]
    if watched:
        show_cards(cards_of(watched))
    if of_type(events, Evaluation):
        seen = tasks_seen(run.unchecked_config)
        n_steps = planned_steps(run.unchecked_config)
        behind = recorded.events() if recorded else []
        live_chart(
            ("curves", run.id, scores_in(events), len(behind)),
            lambda: curves(events, n_steps, seen, behind=behind),
        )
        st.caption(curves_note(events, seen))
        if recorded:
            st.caption(f"Grey rings: the recorded run of the same settings. {recorded.where}")


def of_type(events: Sequence[Event], kind: type[E]) -> list[E]:
    return [e for e in events if isinstance(e, kind)]


def curve_rows(events: list[Event], seen: Collection[str] = ()) -> pd.DataFrame:
    """One row per curve, line and check: "step", "curve", "line", "value", its interval "low" to "high",
    "n"; "hollow" where the task is among those `seen` in training."""
    rows: list[CheckRow] = []
    found = of_type(events, Evaluation)
    for e in found:
        rows += check_rows(e, catalog.task_title(e.task), is_trained=e.task in seen)
    for step in dict.fromkeys(e.step for e in found):
        others = [
            (e.answered_with_sentiment, e.n)
            for e in found
            if e.step == step and e.answered_with_sentiment is not None
        ]
        n = sum(n for _, n in others)
        if n:
            hits = round(sum(share * n for share, n in others))
            low, high = wilson_interval(hits, n)
            share = CheckRow(
                step=step, curve=SENTIMENT_SHARE, value=hits / n, low=low, high=high, n=n
            )
            rows.append(share)
    return pd.DataFrame(rows)


def curves(
    events: list[Event],
    n_steps: int,
    seen: Collection[str] = (),
    *,
    behind: list[Event] | None = None,
) -> alt.LayerChart | alt.FacetChart:
    """The task being learned, what is being lost, and the prompts answered with a sentiment; `behind` them,
    in grey, another run's as far as this one has come."""
    frame = curve_rows(events, seen)
    tasks = list(dict.fromkeys(e.task for e in of_type(events, Evaluation)))
    shown = [*map(catalog.task_title, tasks), SENTIMENT_SHARE]
    colours = [*(TASK_COLOURS[task] for task in tasks), AMBER]
    scores = frame[frame.line == SCORE]
    now = scores.query("step == step.max()").set_index("curve")["value"]
    parts = [f"{name} {now[name]:.2f}" for name in shown[:-1] if name in now]
    heading = [
        f"At step {frame.step.max()}: {parts[0]}",
        *(", ".join(parts[n : n + 2]) for n in range(1, len(parts), 2)),
    ]  # line by line: a narrow chart would cut a long one
    recorded = curve_rows(behind, seen) if behind else None
    if recorded is not None:
        recorded = pd.DataFrame(recorded[recorded["step"] <= frame.step.max()])
    marks = check_marks(
        frame,
        dict(zip(shown, colours, strict=True)),
        n_steps=n_steps,
        title="share of prompts",
        recorded=recorded,
    )
    return marks.properties(title=heading, height=440, description=", ".join(heading))


def curves_note(events: list[Event], seen: Collection[str]) -> str:
    """How to read the marks, and what training taught of the first task with labels."""
    found = of_type(events, Evaluation)
    notes = ["Bars: 95 % intervals; the first and the last check use more examples."]
    if any(e.answered_with_sentiment is not None for e in found):
        notes.append(
            "Wrongly a sentiment: other prompts that were answered with “positive” or “negative”."
        )
    if any(e.task in seen for e in found):
        notes.append(TRAINED_NOTE)
    for task in dict.fromkeys(e.task for e in found if lines(e)):
        mine = [e for e in found if e.task == task]
        if task in seen and mine[-1].step:
            taught = what_was_taught(lines(mine[0]), lines(mine[-1]))
            said = " ".join(filter(None, (what_came_first(mine, task), taught)))
            notes += [f"{catalog.task_title(task)}: {said}"] if said else []
    return " ".join(notes)


def scrub(events: list[Event], *, key: str) -> None:
    """A slider over the checks of a run: answers, next tokens and moved weights at each. `key` is of the run."""
    checks = sorted({e.step for e in of_type(events, Evaluation)})
    if len(checks) < 2:  # a run that was stopped before its first check
        return
    st.header("Back through time")
    step: int = st.select_slider(  # pyright: ignore[reportAssignmentType]
        "Check after step", checks, checks[-1], key=f"forgetting_check_{key}"
    )
    looks = [e for e in of_type(events, NextTokens) if e.step == step]
    left, right = st.columns(2)
    with left:
        if looks:
            prompts = [e.prompt for e in looks]
            chosen = st.selectbox("Prompt", prompts, key=f"forgetting_prompt_{key}")
            look = looks[prompts.index(chosen)]
            answers = {
                e.prompt: sample_as_shown(e) for e in of_type(events, Sample) if e.step == step
            }
            st.markdown(quoted(answers.get(chosen, "")))
            st.altair_chart(next_token_chart(look), width="stretch")
    with right:
        moved = [e for e in of_type(events, Movement) if e.step == step]
        if moved:
            rows = [row for e in of_type(events, Movement) for row in e.rows]
            top = max(row.relative for row in rows)
            figure = movement_figure(moved[0].rows, top, step)
            st.plotly_chart(figure, width="stretch", key=f"forgetting_moved_{key}")
            st.caption(
                "‖W′ − W‖ / ‖W‖ of each matrix: how far it has moved, as a share of its size."
            )
        elif step == 0:
            st.caption("Step 0 is the base model: no weight has moved. Drag the slider on.")
        else:
            st.caption(
                "This run recorded no movement of the model’s own weights. A method that only adds to them, "
                "such as a soft prompt, leaves them as they are."
            )


def next_token_chart(look: NextTokens) -> alt.Chart:
    """The likeliest next tokens of a watched prompt at one check."""
    frame = pd.DataFrame(map(asdict, look.rows))
    frame["kind"] = [
        "the base model’s choice" if is_first else "other" for is_first in frame["first"]
    ]
    frame.loc[frame.token.isin(catalog.SENTIMENT_LABELS), "kind"] = "a sentiment"
    frame["shown"] = [f"“{token}”".replace("\n", "↵") for token in frame.token]
    best = frame.iloc[0]
    title = f"Likeliest next token: {best.shown} with {best.probability:.2f}"
    kinds = ["the base model’s choice", "a sentiment", "other"]
    return (
        alt.Chart(frame, title=title, height=alt.Step(24))
        .mark_bar()
        .encode(
            x=alt.X("probability:Q", scale=alt.Scale(domain=[0, 1])),
            y=alt.Y(
                "shown:N",
                sort=list(frame.shown),
                title="next token",
                axis=alt.Axis(labelOverlap=False),
            ),
            color=alt.Color(
                "kind:N",
                title=None,
                scale=alt.Scale(domain=kinds, range=[ORANGE, BLUE, GREY]),
                legend=alt.Legend(orient="top", labelLimit=300),
            ),
            tooltip=["token", alt.Tooltip("probability", format=".4f")],
        )
        .properties(description=title)
    )


def movement_figure(rows: list[MatrixMovement], top: float, step: int) -> go.Figure:
    """Layer by layer and matrix by matrix: how far the weights have moved."""
    layers = sorted({row.layer for row in rows})
    modules = list(dict.fromkeys(row.module for row in rows))
    found = {(row.module, row.layer): row.relative for row in rows}
    z = [[100 * found.get((module, layer), nan) for layer in layers] for module in modules]
    figure = go.Figure(
        go.Heatmap(
            z=z,
            x=layers,
            y=modules,
            zmin=0,
            zmax=100 * top,
            colorscale="Cividis",
            colorbar={"ticksuffix": "\u00a0%"},
            hovertemplate="layer %{x}, %{y}: %{z:.2g}\u00a0%<extra></extra>",
        )
    )
    most = max(rows, key=lambda row: row.relative)
    title = (
        f"After step {step}, {most.module} of layer {most.layer} has moved most: "
        f"{percent(most.relative, 1)}"
    )
    return figure.update_layout(
        title={"text": title, "font": {"size": 14}},
        xaxis_title="decoder layer",
        height=380,
        margin={"l": 10, "r": 10},
    )


def how_sure(events: list[Event]) -> str:
    """On how many examples the scores of a run were measured, and how wide their intervals are."""
    found = of_type(events, Evaluation)
    counts = sorted({e.n for e in found})
    n = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    half = max((e.interval[1] - e.interval[0]) / 2 for e in found)
    return f"Each score is measured on {n} test examples, so its 95 % interval is ± {half:.2f} or narrower."


def matrix_figure(found: Forgetting) -> go.Figure:
    """R[i, j]: the score on task j after training on task i, as an annotated heatmap."""
    titles = [catalog.task_title(task) for task in found.tasks]
    rows = ["base model", *[f"after {title}" for title in titles]]
    last = dict(zip(titles, found.matrix[-1], strict=True))
    kept = ", ".join(f"{title} {score:.2f}" for title, score in last.items())
    figure = go.Figure(
        go.Heatmap(
            z=found.matrix,
            x=titles,
            y=rows,
            zmin=0,
            zmax=1,
            colorscale="Cividis",
            texttemplate="%{z:.2f}",
            textfont={"size": 16},
            colorbar={"title": "score"},
        )
    )
    return figure.update_layout(
        title={"text": f"At the end: {kept}", "font": {"size": 15}},
        xaxis_title="scored on",
        yaxis={"autorange": "reversed"},
        height=380,
    )
