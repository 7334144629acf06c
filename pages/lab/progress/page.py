"""Lab: what a learner predicted, ran and solved so far."""

import streamlit as st

from core.course.challenges import challenges
from core.course.lessons import LESSONS, name_of
from core.course.progress import Progress
from core.course.quiz import MOMENTS, items, results
from core.errors import UserError
from pages.shared.learner import ask_learner, forget_progress, my_progress
from pages.shared.plain import plain

CHALLENGES = "pages/lab/challenges/page.py"
BEFORE_AFTER = "pages/lab/before_after/page.py"


def row(lesson: str, title: str, found: Progress) -> dict[str, str | int]:
    """What a lesson's line says."""
    mine = challenges(lesson)
    solved = sum(one.id in found.solved for one in mine)
    return {
        "Lesson": f"{name_of(lesson)}: {title}",
        "Predictions": len({e.item for e in found.of("predicted", lesson=lesson)}),
        "Runs": len(found.of("ran", lesson=lesson)),
        "Questions": len({e.item for e in found.of("answered", lesson=lesson)}),
        "Solved": f"{solved} of {len(mine)}",
    }


def solved_list(found: Progress) -> None:
    titles = {one.id: one.title for one in challenges()}
    for id, entry in found.solved.items():
        if id in titles:
            st.markdown(f":material/check: **{titles[id]}** ({entry.at[:10]})")
    st.page_link(CHALLENGES, label="Go to the challenges", icon=":material/flag:")


def tests(found: Progress) -> None:
    done = results(found)
    for moment in MOMENTS:
        if result := done.get(moment):
            n = len(items(result.form))
            st.markdown(f"{moment.capitalize()} the course: {result.n_right} of {n} right")
        else:
            st.markdown(f"{moment.capitalize()} the course: not answered yet")
    st.page_link(BEFORE_AFTER, label="Go to the questions", icon=":material/quiz:")


def delete() -> None:
    """Behind a second click, as it cannot be undone."""
    with st.popover("Delete my progress", icon=":material/delete:"):
        st.write("All entries under this name are deleted. That cannot be undone; runs stay.")
        if st.button("Delete", type="primary", key="progress_delete"):
            n = forget_progress()
            st.toast(f"{n} {'entry' if n == 1 else 'entries'} deleted.")
            st.rerun()


st.title("My progress")
st.caption("It is kept on this machine, under the name you give, and nowhere else.")
try:
    ask_learner(key="progress_name")
    found = my_progress()
    st.table([row(page.id, page.title, found) for page in LESSONS])
    st.caption("Solved: challenges of the lesson.")
    left, right = st.columns(2)
    with left:
        st.header("Challenges solved")
        solved_list(found)
    with right:
        st.header("Before and after")
        tests(found)
    if found.entries:
        delete()
except UserError as error:
    st.error(plain(str(error)))
