"""A lesson's thread, from its data: the question it begins with, its notion, and what one can say at its end.

begin(COURSE)        the title, what people need to know, folded up beside it, the question, and two sentences
end(COURSE)          the last things on the page: what the reader can say now, once the guess is made, and the next question
"""

import streamlit as st

from core.course import content
from core.course.challenges import challenges
from core.course.content import Lesson
from core.course.lessons import title_of
from pages.shared.ask import ask
from pages.shared.predict import waits_for_guess
from pages.shared.terms import FirstUses

CHALLENGES = "pages/lab/challenges/page.py"


def begin(course: Lesson) -> None:
    """Short, so that the first action stands on the first screen; terms are marked at their first use."""
    uses = FirstUses()
    above = uses.marked(f"{shown(course.id, 'question')} {shown(course.id, 'notion')}")
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.title(title_of(course.id), width="content")
        with st.popover("What you need to know", icon=":material/menu_book:"):
            st.markdown(uses.marked(shown(course.id, "explained")))
    st.markdown(above)


def end(course: Lesson, *, name: str = "") -> None:
    """What was found, what remains open, and one thing to take away; `name` is that of a run in the address."""
    st.header("What you can say now")
    with st.expander(f"Check yourself: {len(course.questions)} questions"):
        for question in course.questions:
            ask(course, question, place="end")
    later = "What was found here stands below after your guess."
    if not waits_for_guess(
        course, later, name=name, label="Show what was found", key=f"{course.id}_end"
    ):
        st.markdown(shown(course.id, "can_say"))
    st.markdown(f"**Next question.** {shown(course.id, 'next_question')}")
    st.markdown(f"**To take away.** {shown(course.id, 'take_away')}")
    if n := len(challenges(course.id)):
        st.page_link(
            CHALLENGES,
            label=f"{n} challenges for this lesson",
            icon=":material/flag:",
            query_params={"challenges_lesson": course.id},
        )


@st.cache_data(show_spinner=False, max_entries=200)
def shown(lesson: str, section: str) -> str:
    """A section with its figures; looked up once per server."""
    course = content.lesson(lesson)
    return course.shown(course.text[section])
