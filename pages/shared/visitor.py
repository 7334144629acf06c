"""Who looks at this page: as the cookie says that `join.py` gave to this browser."""

import streamlit as st

from core.classroom.classroom import Classroom, is_classroom
from core.visitor import OWNER, Visitor
from pages.shared.login import is_login_wanted, logged_in

COOKIE = "tuning_fork_class"


@st.cache_resource(show_spinner=False)
def classroom() -> Classroom:
    """The one classroom of this server process."""
    return Classroom()


def visitor() -> Visitor:
    """The owner, where this server belongs to no class; else a learner or a teacher.

    Raises `UserError` for a browser that is in no class any more, and for a learner whose class is over.
    """
    if is_login_wanted():
        return logged_in(classroom())
    if not is_classroom():
        return OWNER
    return classroom().tickets.visitor(st.context.cookies.get(COOKIE, ""))
