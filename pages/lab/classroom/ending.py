"""How a class ends: later than planned, now, or without a trace."""

import streamlit as st

from core.classroom.classes import SchoolClass
from core.classroom.delete import delete_everything
from pages.shared.engine import store
from pages.shared.visitor import classroom, visitor

MORE_MINUTES = 15


def ending(school_class: SchoolClass) -> None:
    """The buttons; what cannot be undone stands behind a second click."""
    if st.button(f"{MORE_MINUTES} more minutes", icon=":material/more_time:", key="classroom_more"):
        minutes = school_class.left_s / 60 + MORE_MINUTES
        classroom().go_on(visitor(), school_class.id, minutes=minutes)
        st.rerun()
    if not school_class.is_over:
        with st.popover("End the class", icon=":material/stop_circle:"):
            st.write("No learner sees a page any more. Their runs and answers are kept.")
            if st.button("End it now", type="primary", key="classroom_end"):
                classroom().end(visitor(), school_class.id)
                st.rerun()
    with st.popover("End and delete everything", icon=":material/delete_forever:"):
        st.write(
            "The class ends, and its learners’ runs, uploads, guesses and progress are deleted. "
            "That cannot be undone."
        )
        if st.button("Delete everything", type="primary", key="classroom_delete"):
            delete_everything(classroom(), store(), visitor(), school_class.id)
            st.session_state["classroom_deleted"] = True
            st.rerun()
