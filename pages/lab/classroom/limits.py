"""What the class allows each of its learners, for the teacher to set."""

import streamlit as st

from core.classroom.classes import SchoolClass
from core.runs.limits import Limits
from pages.shared.engine import store

MB = 1_000_000


def choose_limits(school_class: SchoolClass) -> None:
    """A form with the limits as they are. `UserError` for what is no limit."""
    now = store().limits.of(school_class.id)
    key = f"classroom_limits_{school_class.id}"
    with (
        st.popover("What each learner may use", icon=":material/tune:"),
        st.form(key, border=False),
    ):
        st.caption("For each learner, from now on. What has begun goes on.")
        steps = st.number_input("Steps of one run", 1, 100_000, now.steps, key=f"{key}_steps")
        waiting = st.number_input(
            "Runs waiting at once", 1, 50, now.waiting_runs, key=f"{key}_waiting"
        )
        uploads = st.number_input(
            "Own data (MB in all)", 0.1, 1_000.0, now.upload_bytes / MB, step=0.5, key=f"{key}_mb"
        )
        questions = st.number_input(
            "Questions a minute", 1, 1_000, now.questions_a_minute, key=f"{key}_questions"
        )
        if st.form_submit_button("Save", type="primary"):
            wanted = Limits(
                steps=int(steps),
                waiting_runs=int(waiting),
                upload_bytes=round(uploads * MB),
                questions_a_minute=int(questions),
            )
            store().limits.put(school_class.id, wanted)
            st.rerun()
