"""Lab: the class in this room, for its teacher: the way in, who has joined, and how it ends."""

from html import escape

import streamlit as st

from core.classroom.classes import SchoolClass
from core.classroom.codes import spoken
from core.classroom.qr import as_svg
from core.errors import UserError
from pages.lab.classroom.ending import ending
from pages.lab.classroom.hand_in import hand_in
from pages.lab.classroom.limits import choose_limits
from pages.shared.class_choice import chosen_class
from pages.shared.class_corner import freeze_button
from pages.shared.login import is_login_wanted
from pages.shared.plain import plain
from pages.shared.visitor import classroom, visitor

COMMAND = 'python -m core class start --name "8b" --minutes 90'
BIG = "font-size: {rem}rem; font-weight: 700; line-height: 1.2; margin: 0; overflow-wrap: anywhere"


def way_in(school_class: SchoolClass) -> None:
    """For the projector: address and code to type, or a QR code to point a phone at."""
    words, picture = st.columns([3, 2], gap="large")
    with words:
        address = school_class.address.removeprefix("http://")
        said = "".join(
            f'<p style="margin: 1rem 0 0">{label}</p><p style="{BIG.format(rem=rem)}">{escape(text)}</p>'
            for label, text, rem in (
                ("Open in a browser", address or "the address that the command printed", 3),
                ("Class code", spoken(school_class.code), 4.5),
            )
        )
        st.html(said)
    if school_class.address:
        alt = f"QR code of {school_class.link}"
        picture.image(as_svg(school_class.link), width="stretch", caption="Or scan this", alt=alt)


@st.fragment(run_every=3.0)
def who_is_here(class_id: str) -> None:
    """How long it lasts and who has joined, kept up to date."""
    try:
        school_class = classroom().classes.get(class_id)
        members = classroom().members(visitor(), class_id)
    except UserError as error:
        st.error(plain(str(error)))
        return
    left, right = st.columns([1, 3])
    if not is_login_wanted():
        left.metric("Minutes left", f"{school_class.left_s / 60:.0f}")
    with right:
        st.markdown(f"**{len(members)} joined**")
        if members:
            st.markdown(" · ".join(plain(one.name) for one in members))
        else:
            st.caption("Nobody is here yet.")


def let_in_again(class_id: str) -> None:
    """A one-time word for a learner whose browser forgot them."""
    members = {one.space: one.name for one in classroom().members(visitor(), class_id)}
    if not members:
        return
    with st.popover("Let a learner in again", icon=":material/key:"):
        st.write("For one whose browser was closed or changed: all they have is kept.")
        space = st.selectbox(
            "Who", list(members), format_func=members.__getitem__, key="classroom_who"
        )
        if st.button("Make a word", key="classroom_word"):
            word = classroom().let_in_again(visitor(), space)
            st.markdown("To be entered as the class code, once, within 15 minutes:")
            st.code(spoken(word), language=None)


st.title("Classroom")
try:
    if visitor().role == "owner":
        st.markdown(
            "A class begins in a terminal of this computer, and the room can reach it from then on:"
        )
        st.code(COMMAND, language=None)
    if school_class := chosen_class(key="classroom_class"):
        if school_class.name:
            st.header(plain(school_class.name))
        if school_class.is_over:
            st.info(
                "This class is over: its learners see no page any more. What they made is still here."
            )
        else:
            if is_login_wanted():
                st.markdown(
                    "Learners log in with their account, and whoever does is in this class."
                )
            else:
                way_in(school_class)
            who_is_here(school_class.id)
        with st.container(horizontal=True):
            if not school_class.is_over:
                if not is_login_wanted():
                    let_in_again(school_class.id)
                choose_limits(school_class)
            hand_in(school_class)
            if (
                visitor().role == "owner" and not school_class.is_over
            ):  # a teacher has it beside every page
                freeze_button(school_class.id, key="classroom_freeze")
            ending(school_class)
except UserError as error:
    st.error(plain(str(error)))
