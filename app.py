"""Tuning Fork: fine-tune a real language model in the browser and see what changes.

Start it with `streamlit run app.py`. Streamlit imports this file once, for the server `app`, and runs it at every
interaction: `draw` sets the page up and hands over to the chosen page.
"""

from math import isfinite

import streamlit as st
from starlette.middleware import Middleware

from core.course.lessons import LAB, LESSONS
from core.descriptors import make_room
from core.errors import UserError
from core.visitor import Visitor
from join import ROUTES, members_only
from pages.shared.address import take_up
from pages.shared.class_corner import class_corner
from pages.shared.class_screen import follow_class
from pages.shared.engine import server_engine
from pages.shared.layout import page_style
from pages.shared.login import ask_to_log_in, is_logged_in, is_login_wanted
from pages.shared.plain import plain
from pages.shared.prepare import preparation_corner
from pages.shared.prepared_link import opened_link
from pages.shared.visitor import visitor
from server import own_names_only, say_sentence, serving

LAB_ICONS = {
    "findings": ":material/fact_check:",
    "explore": ":material/bubble_chart:",
    "workbench": ":material/construction:",
    "runs": ":material/list:",
    "speed": ":material/speed:",
    "challenges": ":material/flag:",
    "glossary": ":material/dictionary:",
    "before_after": ":material/quiz:",
    "progress": ":material/checklist:",
    "teachers": ":material/school:",
    "wall": ":material/cast_for_education:",
    "classroom": ":material/groups:",
}
SIDEBAR_PX = 256  # a lesson's two columns have room beside it on a screen of 1024 pixels


def leave_out_endless_numbers() -> None:
    """Take `inf`, `nan` and `1e999` out of the address a browser came with: number fields cannot read them."""
    if "address_is_read" in st.session_state:  # what stands there now was written by the page
        return
    st.session_state["address_is_read"] = True
    names = [n for n in st.query_params if any(map(is_endless, st.query_params.get_all(n)))]
    for name in names:
        del st.query_params[name]
    if names:
        st.rerun()


def is_endless(text: str) -> bool:
    try:
        return not isfinite(float(text))
    except ValueError:
        return False


def say_who(who: Visitor) -> None:
    """In a class: as whom this browser is there."""
    if who.role != "owner":
        st.sidebar.caption(f"In this class you are **{plain(who.name or 'the teacher')}**.")
    if is_login_wanted():
        st.sidebar.button("Log out", on_click=st.logout, key="login_out")


def draw() -> None:
    st.set_page_config(
        page_title="Tuning Fork", page_icon="🎼", layout="wide", initial_sidebar_state=SIDEBAR_PX
    )
    page_style()
    try:
        if is_login_wanted() and not is_logged_in():
            ask_to_log_in()
            return
        who = visitor()
    except UserError as error:  # the class is over, or the cookie is no good any more
        st.error(plain(str(error)))
        if is_login_wanted():
            st.button("Log out", on_click=st.logout, key="login_out")
        else:
            st.html('<a href="/join" target="_self">Go to the entrance</a>')
        return

    navigation = st.navigation(
        {
            "": [st.Page("pages/home/page.py", title="Home", icon=":material/home:", default=True)],
            "Lessons": [
                st.Page(
                    f"pages/lessons/{lesson.id}/page.py",
                    title=f"{number} · {lesson.title}",
                    url_path=lesson.url_path,
                )
                for number, lesson in enumerate(LESSONS, start=1)
            ],
            "Lab": [
                st.Page(
                    f"pages/lab/{page.id}/page.py",
                    title=page.title,
                    icon=LAB_ICONS.get(page.id),
                    url_path=page.url_path,
                )
                for page in LAB
                if not page.for_teachers or who.role != "learner"
            ],
        }
    )
    leave_out_endless_numbers()
    page = navigation.url_path
    try:
        make_room()
        server_engine()  # workers warm up while the reader reads
        say_who(who)
        preparation_corner()
        take_up()
        follow_class(page)
        class_corner(page)
        with opened_link(page):
            navigation.run()
    except UserError as error:
        st.error(plain(str(error)))


if __name__ == "__main__":  # at every interaction
    draw()
else:  # once, when the server starts
    gates = [Middleware(own_names_only), Middleware(members_only)]
    app = st.App(
        __file__, lifespan=serving, routes=ROUTES, middleware=gates, on_script_error=say_sentence
    )
