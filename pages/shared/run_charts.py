"""The curves of any run, live or recorded: losses, scores with their intervals, and the same as a table."""

from collections.abc import Sequence
from dataclasses import replace
from math import exp, isfinite

import altair as alt
import pandas as pd

from core import catalog
from core.evaluate.form_and_label import (
    LIKELIEST_LABEL,
    LINE_FIELDS,
    RIGHT_FORM,
    lines,
    what_came_first,
    what_was_taught,
)
from core.evaluate.overlap import WORDS_ONLY
from core.evaluate.undefined import or_dash
from core.events import Evaluation, Event, Step, Validation
from core.percent import percent
from pages.shared.check_marks import CheckRow, check_marks
from pages.shared.colours import AMBER, BLUE, GREEN, GREY
from pages.shared.step_axis import step_axis

CHART_HEIGHT = 380
RECORDED, PALE = "training, recorded run", "#c9ccd1"
WORDS = {"precision": "precision", "recall": "recall", "f1": "F1"}
EXTRA = {
    RIGHT_FORM: AMBER,
    LIKELIEST_LABEL: GREEN,
    "precision": AMBER,
    "recall": GREEN,
    "F1": "#CC79A7",
}
"""Colours of what stands beside the main score."""
LINES = alt.Legend(orient="top", symbolType="stroke", symbolStrokeWidth=3)
"""A legend of lines: their marks would be drawn with the lines' dashes."""


def loss_title(first: float, last: float) -> str:
    """A loss in nats per token, and what it means: the right token's probability is e to the minus loss
    (over tokens, their geometric mean)."""
    return (
        f"Loss {first:.2f} → {last:.2f}: right token {percent(exp(-first))} → {percent(exp(-last))}"
    )


def loss_chart(
    events: list[Event], n_steps: int, *, behind: Sequence[Event] = ()
) -> alt.Chart | alt.LayerChart | alt.FacetChart:
    """Training loss per step and validation loss at the checks; pale, that of the recorded run of the same
    settings as far as this one has come."""
    losses = [e for e in events if isinstance(e, Step | Validation) and isfinite(e.loss)]
    rows = [
        {
            "step": e.step,
            "loss": e.loss,
            "set": "training" if isinstance(e, Step) else "validation",
        }
        for e in losses
    ]
    training = [e.loss for e in losses if isinstance(e, Step)]
    title = loss_title(training[0], training[-1])
    colours = {"training": GREY, "validation": BLUE}
    done = max(e.step for e in losses)
    recorded = [
        {"step": e.step, "loss": e.loss, "set": RECORDED}
        for e in behind
        if isinstance(e, Step) and isfinite(e.loss) and e.step <= done
    ]
    if recorded:
        rows = [*recorded, *rows]
        colours = {RECORDED: PALE, **colours}
    colour = alt.Color(
        "set:N",
        title=None,
        scale=alt.Scale(domain=list(colours), range=list(colours.values())),
        legend=LINES,
    )
    return (
        alt.Chart(pd.DataFrame(rows), title=title, height=CHART_HEIGHT)
        .mark_line(point=True)
        .encode(
            x=step_axis(n_steps),
            y=alt.Y("loss:Q", title="loss (nats per token)", scale=alt.Scale(zero=True)),
            color=colour,
            strokeDash=alt.StrokeDash("set:N", legend=None),
            tooltip=["step", "set", alt.Tooltip("loss", format=".3f")],
        )
        .properties(description=title)
    )


def score_chart(
    events: list[Event], n_steps: int, task: str
) -> alt.Chart | alt.LayerChart | alt.FacetChart:
    """The trained task at each check: its main score, and the two lines of a task with labels, or
    precision, recall and F1 of the words; each with its interval."""
    found = [e for e in events if isinstance(e, Evaluation) and e.task == task]
    metric = found[-1].metric.replace("_", " ")
    colours = {metric: BLUE}
    rows: list[CheckRow] = []
    for e in found:
        low, high = e.interval
        row = CheckRow(step=e.step, curve=metric, value=e.score, low=low, high=high, n=e.n)
        rows.append(row)
        more = {LINE_FIELDS[one.field]: (one.value, *one.interval) for one in lines(e)}
        if not more:
            measured = {name: (getattr(e, name), *e.intervals[name]) for name in e.intervals}
            more = {WORDS[name]: values for name, values in measured.items() if name in WORDS}
        for name, (value, low, high) in more.items():
            rows.append(replace(row, curve=name, value=value, low=low, high=high))
        colours |= {name: EXTRA[name] for name in more}
    title = f"{catalog.task_title(task)}: {metric} {found[-1].score:.2f}"
    title += f" (n = {found[-1].n})"  # a longer one is cut off at 1024 px
    marks = check_marks(pd.DataFrame(rows), colours, n_steps=n_steps, title="share of 1")
    return marks.properties(title=title, height=CHART_HEIGHT, description=title)


def score_note(events: list[Event], task: str) -> str:
    """How to read the scores of the trained task, and with labels what training taught."""
    mine = [e for e in events if isinstance(e, Evaluation) and e.task == task]
    bars = "Bars: 95 % intervals; the first and the last check use more examples."
    if not mine or not lines(mine[-1]):
        words = "Precision, recall and F1: words shared with the right answer (ROUGE-1)."
        return f"{bars} {words} {WORDS_ONLY}"
    taught = what_was_taught(lines(mine[0]), lines(mine[-1])) if mine[-1].step else ""
    return " ".join(filter(None, (what_came_first(mine, task), taught, bars)))


def score_table(evaluations: list[Evaluation]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "step": e.step,
                "task": catalog.task_title(e.task),
                "examples": e.n,
                e.metric: round(e.score, 3),
                "95 % interval": f"{e.interval[0]:.2f} to {e.interval[1]:.2f}",
                **{LINE_FIELDS[field]: or_dash(getattr(e, field)) for field in LINE_FIELDS},
                "precision": or_dash(e.precision),
                "recall": or_dash(e.recall),
                "F1": or_dash(e.f1),
            }
            for e in evaluations
        ]
    )
