"""The lesson's lab report: the ways that were measured; one that is opened measures and trains them here."""

from functools import partial

import streamlit as st

from core.course.content import Lesson
from core.course.report import Table
from core.course.report_settings import Settings
from core.data.listing import count
from core.errors import UserError
from core.experiments.prompting import ways
from core.runs import prompt_evaluation
from core.runs.prompt_evaluation import PromptEvaluation
from pages.lessons.choice.figures import name_of, own_rows
from pages.lessons.choice.measure import measure_button
from pages.lessons.choice.one_prompt import MOST_SHOWN
from pages.shared.engine import store
from pages.shared.lab_report import OUT_OF_REACH, Done, put_button, report_panel
from pages.shared.queue import run_all
from pages.shared.settings import SEEDS


def lab_report(course: Lesson, task: str) -> None:
    """Folded up at the end of the page."""
    report_panel(
        course,
        done(course, task),
        missing="A prompt or a tuned model that you measured on this page makes the report.",
        offer=partial(offer, course=course),
    )


def done(course: Lesson, task: str) -> Done | None:
    """What the reader measured of a task; None where that is nothing."""
    found = ways(own_rows(task))
    if not found:
        return None
    kept = [one.asking for one in prompt_evaluation.everything() if one.asking.task == task]
    prompts = [one for one in kept if not one.run]
    rows = tuple(
        (
            name_of(way),
            f"{way.score:.2f} ({way.interval[0]:.2f} to {way.interval[1]:.2f})",
            f"{way.prompt_tokens + way.answer_tokens:.0f}",
            f"{1000 * way.latency_s():.0f}",
        )
        for way in found
    )
    head = ("Way", "Score (95 % interval)", "Tokens a request", "ms a request")
    settings = Settings(
        lesson=course.id,
        runs=tuple(store().get(one.run).config for one in kept if one.run and _is_here(one.run)),
        measured=prompts[-1] if prompts else None,
    )
    return Done(settings=settings, tables=(Table(title="What was measured", head=head, rows=rows),))


def _is_here(run_id: str) -> bool:
    """Whether a measured run was not deleted since."""
    try:
        return store().get(run_id).valid_config is not None
    except UserError:
        return False


def offer(settings: Settings, *, course: Lesson) -> None:
    """The prompt and the tuned models of an opened report, to be measured and trained here."""
    wanted, runs = settings.measured, settings.runs
    if not wanted and not runs:
        raise UserError("The report holds no measurement, so there is nothing to repeat here.")
    if wanted:
        examples = count(wanted.shots, "example")
        st.markdown(f"The last prompt of the report shows {examples}, seed {wanted.seed}.")
        if wanted.shots <= MOST_SHOWN and wanted.seed in SEEDS:
            put_button(course, partial(put, wanted))
        else:
            st.caption(OUT_OF_REACH)
        measure_button([wanted], "Measure it here", key="choice_report")
    if runs:
        run_all(runs, "Train its models here", key="choice_report_train")


def put(wanted: PromptEvaluation) -> None:
    st.session_state["choice_task"] = wanted.task
    st.session_state["choice_shots"] = wanted.shots
    st.session_state["choice_form"] = wanted.form
    st.session_state["choice_seed"] = wanted.seed
