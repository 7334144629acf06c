"""What the teacher asks of all screens, from the wall: a page to look at, a pause, a guess made anew."""

import streamlit as st

from core.classroom.steering import Look
from core.classwork.places import page_titles
from core.course.content import Lesson
from core.course.predictions import Prediction
from pages.shared.address import paths
from pages.shared.class_corner import freeze_button, look_here
from pages.shared.visitor import classroom, visitor


def steer(class_id: str, course: Lesson, one: Prediction) -> None:
    """In a row. A teacher has the first two beside every page; the person at this computer has them here."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        titles = {page: page_titles()[page] for page in paths(of_learners=True)}
        page = st.selectbox(
            "Everyone looks at",
            list(titles),
            format_func=titles.__getitem__,
            key="wall_page",
            width=340,
        )
        if st.button("Everyone look here", key="wall_look", icon=":material/visibility:"):
            look_here(class_id, Look(page=page))
        if visitor().role == "owner":  # beside the page, a teacher has it already
            freeze_button(class_id, key="wall_freeze")
        with st.popover("Guess anew", icon=":material/restart_alt:"):
            st.write("The guesses of the class to this question are deleted, and new ones count.")
            if st.button("Delete these guesses", type="primary", key="wall_clear"):
                classroom().guesses.clear(visitor(), class_id, course.id, one.id)
                st.toast("The guesses to this question are deleted.")
