"""Which class a teacher's page is about: a teacher's own; the person at this computer chooses among all."""

import streamlit as st

from core.classroom.classes import SchoolClass
from core.classroom.codes import spoken
from pages.shared.visitor import classroom, visitor


def chosen_class(*, key: str) -> SchoolClass | None:
    """None for a learner, who is told so, and where there is no class."""
    who = visitor()
    if who.role == "teacher":
        return classroom().classes.get(who.class_id)
    if who.role == "learner":
        st.info("This page is for your teacher.")
        return None
    known = {one.id: one for one in classroom().classes.all()}
    if not known:
        st.caption("There is no class on this computer yet.")
        return None
    id = st.selectbox(
        "Classes on this computer",
        list(known),
        format_func=lambda id: f"{known[id].name or 'no name'} ({spoken(known[id].code)})",
        key=key,
    )
    return known[id]
