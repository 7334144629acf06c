"""Who is learning: the name that progress is kept under, and the box that asks for it."""

import streamlit as st

from core.course.lessons import LESSONS
from core.course.progress import LONGEST_NAME, Entry, keep, learner_name
from core.errors import UserError
from pages.shared.plain import plain

STATE = "learner"


def learner() -> str:
    """The name of who sits here; "" while none is given."""
    return st.session_state.get(STATE, "")


def ask_learner(*, key: str) -> str:
    """A box for the name, which holds for all pages until the browser is closed."""
    typed = st.text_input(
        "Your name on this machine",
        value=learner(),
        max_chars=LONGEST_NAME,
        key=key,
        placeholder="none: one person uses this machine",
        help="Progress is kept in a file of this app, under this name. Nothing is sent anywhere.",
    )
    try:
        st.session_state[STATE] = learner_name(typed)
    except UserError as error:
        st.error(plain(str(error)))
    return learner()


def remember_run(run_id: str, *, key: str) -> None:
    """That a run was started; keys of widgets begin with the lesson (`lora_train`)."""
    lesson = next((page.id for page in LESSONS if key.startswith(page.id)), "")
    remember(Entry(learner=learner(), kind="ran", lesson=lesson, item=run_id))


def remember(entry: Entry) -> None:
    """Keep an entry; where the disk refuses, say so and go on."""
    try:
        keep(entry)
    except UserError as error:
        st.warning(plain(str(error)))
