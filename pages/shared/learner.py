"""Who is learning: the name and the place that progress is kept under, and the box that asks for the name."""

import streamlit as st

from core.course import progress
from core.course.lessons import LESSONS
from core.course.progress import LONGEST_NAME, Entry, Progress, learner_name
from core.errors import UserError
from pages.shared.plain import plain
from pages.shared.visitor import visitor

STATE = "learner"


def learner() -> str:
    """The name of who sits here; "" while none is given. In a class it is the nickname."""
    who = visitor()
    return st.session_state.get(STATE, "") if who.role == "owner" else who.name


def ask_learner(*, key: str) -> str:
    """A box for the name, which holds for all pages until the browser is closed; in a class a line that says it."""
    if visitor().role != "owner":
        st.caption(f"You are {plain(learner())}." if learner() else "You are the teacher.")
        return learner()
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


def my_progress() -> Progress:
    """What who sits here did. `UserError` where the file cannot be read."""
    return progress.progress(learner(), space=visitor().space)


def forget_progress() -> int:
    """Delete it; how many entries there were."""
    return progress.forget(learner(), space=visitor().space)


def remember_run(run_id: str, *, key: str) -> None:
    """That a run was started; keys of widgets begin with the lesson (`lora_train`)."""
    lesson = next((page.id for page in LESSONS if key.startswith(page.id)), "")
    remember(Entry(learner=learner(), kind="ran", lesson=lesson, item=run_id))


def remember(entry: Entry) -> None:
    """Keep an entry; where the disk refuses, say so and go on."""
    try:
        progress.keep(entry, space=visitor().space)
    except UserError as error:
        st.warning(plain(str(error)))
