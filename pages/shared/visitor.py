"""Who looks at this page: as the cookie says that `join.py` gave to this browser."""

from time import monotonic
from typing import NamedTuple

import streamlit as st

from core.classroom.classroom import Classroom, is_classroom
from core.visitor import OWNER, Visitor
from pages.shared.login import is_login_wanted, logged_in

COOKIE = "tuning_fork_class"
KNOWN, KNOWN_S = "visitor_known", 0.3
"""In the session, and for how long: a page asks who looks at it a dozen times while it is drawn."""


class Known(NamedTuple):
    """Whose cookie this was, a moment ago."""

    token: str
    visitor: Visitor
    at_s: float


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
    token = st.context.cookies.get(COOKIE, "")
    known: Known | None = st.session_state.get(KNOWN)
    if known is None or known.token != token or monotonic() - known.at_s > KNOWN_S:
        known = Known(token, classroom().tickets.visitor(token), monotonic())
        st.session_state[KNOWN] = known
    return known.visitor
