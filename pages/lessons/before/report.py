"""The lesson's lab report: the prompts that were asked, with their answers; one that is opened asks its last prompt."""

from functools import partial

import streamlit as st

from core.course.content import Lesson
from core.course.report import Table
from core.course.report_settings import Asked, Settings
from core.errors import UserError
from pages.lessons.before.prompting import SHOTS, answer, said_so_far
from pages.lessons.before.sampling import can_set, set_sampling
from pages.shared.lab_report import OUT_OF_REACH, Done, put_button, report_panel


def lab_report(course: Lesson) -> None:
    """Folded up at the end of the page."""
    report_panel(
        course,
        done(course),
        missing="A prompt that you asked on this page makes the report.",
        offer=partial(offer, course=course),
    )


def done(course: Lesson) -> Done | None:
    """What was asked in this session; None where nothing was."""
    said = said_so_far()
    if not said:
        return None
    last = said[-1].asked
    rows = tuple(
        (
            one.asked.text,
            "no" if one.asked.raw else "yes",
            f"{one.asked.settings.temperature:g}",
            one.answer,
        )
        for one in said
    )
    head = ("Prompt", "Chat template", "Temperature", "Answer")
    asked = Asked(text=last.text, raw=last.raw, settings=last.settings)
    return Done(
        settings=Settings(lesson=course.id, asked=asked),
        tables=(Table(title="What was asked", head=head, rows=rows),),
    )


def offer(settings: Settings, *, course: Lesson) -> None:
    """The last prompt of an opened report: for the controls, and to be asked here."""
    if not (asked := settings.asked):
        raise UserError("The report holds no prompt, so there is nothing to ask on this page.")
    st.markdown("The last prompt of the report:")
    st.code(asked.text, language=None, wrap_lines=True)
    if can_set(asked.settings):
        put_button(course, partial(put, asked))
    else:
        st.caption(OUT_OF_REACH)
    answer(
        "before_report_ask",
        text=asked.text,
        raw=asked.raw,
        settings=asked.settings,
        label="Ask it here",
    )


def put(asked: Asked) -> None:
    """Into the prompt box and the sampling panel of the page."""
    task = st.session_state["before_task"]
    shots = next(iter(SHOTS))
    st.session_state["before_shots"] = shots
    st.session_state[f"before_prompt_{task}_{SHOTS[shots]}"] = asked.text
    st.session_state["before_raw"] = asked.raw
    set_sampling("before", asked.settings)
