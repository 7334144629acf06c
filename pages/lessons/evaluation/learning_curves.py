"""Precision, recall and F1 of a run beside its loss: live, and check by check afterwards."""

from collections.abc import Sequence

import altair as alt
import pandas as pd
import streamlit as st

from core import catalog
from core.evaluate.form_and_label import LINE_FIELDS, lines
from core.evaluate.learning_curves import (
    CheckValue,
    in_one_line,
    is_macro,
    movements,
    values_over_time,
)
from core.evaluate.limits import sample_as_shown
from core.evaluate.overlap import WORDS_ONLY
from core.evaluate.undefined import or_dash
from core.events import Evaluation, Event, Sample, Step
from core.runs.duration import n_steps as planned_steps
from core.runs.store import Run
from pages.lessons.evaluation.thresholds import confusion_figure
from pages.shared.cards import shared_words
from pages.shared.check_marks import check_marks
from pages.shared.colours import AMBER, GREEN, GREY
from pages.shared.live import follow, recorded_behind
from pages.shared.one_of import one_of
from pages.shared.run_charts import CHART_HEIGHT, loss_chart
from pages.shared.step_axis import step_axis

TITLES = {"precision": "precision", "recall": "recall", "f1": "F1"}
METRIC_HEIGHT = 320  # so that it stands on the first screen, below what it found
COLOURS = {"precision": AMBER, "recall": GREEN, "F1": "#CC79A7"}


def watch(run_id: str) -> None:
    """A run's loss and metrics; live while it trains, with a slider over its checks afterwards."""
    follow(run_id, _view)


def _view(run: Run, events: list[Event]) -> None:
    evaluations = [e for e in events if isinstance(e, Evaluation)]
    if not evaluations:
        return
    finding, chart, loss = st.container(), st.container(), st.container()
    tasks = list(dict.fromkeys(e.task for e in evaluations))
    task = one_of(
        st.pills,
        "Task",
        tasks,
        format_func=catalog.task_title,
        default=tasks[0],
        key=f"evaluation_watched_{run.id}",
    )
    n_steps = planned_steps(run.unchecked_config)
    checks = sorted({e.step for e in evaluations if e.task == task})
    step: int = checks[-1]
    if run.status.is_over and len(checks) > 1:
        step = st.select_slider(  # pyright: ignore[reportAssignmentType]
            "Check after step", checks, checks[-1], key=f"evaluation_check_{run.id}_{task}"
        )
    if line := in_one_line(movements(events, task)):
        finding.markdown(f"**{line}**")
    rule = alt.Chart(pd.DataFrame({"step": [step]})).mark_rule(color=GREY, strokeDash=[4, 4])
    marked = rule.encode(x=step_axis(n_steps))
    values = values_over_time(events, task)
    here = [v for v in values if v.step == step]
    measured = (metric_chart(values, task, step, n_steps) + marked).properties(height=METRIC_HEIGHT)
    chart.altair_chart(measured, width="stretch")
    if any(isinstance(e, Step) for e in events):
        drawn = loss_chart(events, n_steps, behind=recorded_behind(run))
        loss.altair_chart(drawn + marked, width="stretch")
    now = next(e for e in evaluations if e.task == task and e.step == step)
    st.caption(how_measured(now))
    if run.status.is_over:
        at_check(run, events, now, here)


def draw(run: Run, events: list[Event]) -> None:
    """What a replay shows of a check: the measures of the task that is trained, beside the loss."""
    task = run.unchecked_config.data.task
    found = [e for e in events if isinstance(e, Evaluation) and e.task == task]
    if not found:
        return
    n_steps, values = planned_steps(run.unchecked_config), values_over_time(events, task)
    if line := in_one_line(movements(events, task)):
        st.markdown(f"**{line}**")
    measured = metric_chart(values, task, found[-1].step, n_steps)
    st.altair_chart(measured.properties(height=METRIC_HEIGHT), width="stretch")
    if any(isinstance(e, Step) for e in events):
        st.altair_chart(loss_chart(events, n_steps), width="stretch")
    st.caption(how_measured(found[-1]))


def how_measured(evaluation: Evaluation) -> str:
    n = evaluation.n
    what = (
        "means over the labels; an answer that is no label counts as wrong"
        if is_macro(evaluation)
        else f"of the words shared with the reference (ROUGE-1), mean over examples. {WORDS_ONLY}"
    ).removesuffix(".")
    bands = "Bars: 95 % intervals over these examples."
    return f"Precision, recall and F1 are {what}. {n} test examples. {bands}"


def metric_chart(
    values: Sequence[CheckValue], task: str, step: int, n_steps: int
) -> alt.LayerChart | alt.FacetChart:
    """The three measures over the run, each with its interval."""
    frame = pd.DataFrame(
        [
            {
                "step": v.step,
                "measure": TITLES[v.measure],
                "value": v.value,
                "low": v.interval[0] if v.interval else v.value,
                "high": v.interval[1] if v.interval else v.value,
                "n": v.n,
            }
            for v in values
        ]
    )
    now = frame[frame.step == step].set_index("measure").value
    heading = [
        f"{catalog.task_title(task)} at step {step}:",
        ", ".join(f"{name} {or_dash(now[name])}" for name in COLOURS),
    ]
    marks = check_marks(
        frame.rename(columns={"measure": "curve"}),
        COLOURS,
        n_steps=n_steps,
        title="value (0 to 1)",
    )
    return marks.properties(title=heading, height=CHART_HEIGHT, description=" ".join(heading))


def at_check(
    run: Run, events: Sequence[Event], now: Evaluation, here: Sequence[CheckValue]
) -> None:
    """What was measured at the chosen check: figures, confusion matrix, answers."""
    rows = [
        {
            "measure": TITLES[v.measure],
            "value": or_dash(v.value),
            "95 % interval": "{:.2f} to {:.2f}".format(*v.interval) if v.interval else "",
        }
        for v in here
    ]
    rows += [
        {"measure": LINE_FIELDS[line.field], "value": or_dash(line.value)}
        | {"95 % interval": "{:.2f} to {:.2f}".format(*line.interval)}
        for line in lines(now)
    ]
    st.dataframe(rows, hide_index=True, width="stretch")
    shown = [
        e for e in events if isinstance(e, Sample) and (e.step, e.task) == (now.step, now.task)
    ]
    if shown:
        shared = shared_words([e.prompt for e in shown])
        samples = [
            {
                "right answer": e.reference,
                "answer": sample_as_shown(e),
                "prompt": ("… " if shared else "") + e.prompt[shared:],
            }
            for e in shown
        ]
        st.dataframe(samples, hide_index=True, width="stretch")
    report = now.classification
    if report:
        figure = confusion_figure(report.labels, report.confusion)
        st.plotly_chart(figure, width="stretch", key=f"evaluation_check_matrix_{run.id}")
