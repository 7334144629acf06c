"""Lab: what a teacher needs: notes and worksheets to print, what each lesson asks, and three plans."""

import streamlit as st

from core.classroom.links import link_to
from core.classwork.places import page_titles
from core.course.content import Lesson, lessons
from core.course.kit import notes, packed, stem, worksheet
from core.course.lessons import LESSONS, name_of
from core.errors import UserError
from core.paths import ROOT
from pages.shared.link_panel import link_panel
from pages.shared.plain import plain
from pages.shared.thread import shown
from pages.shared.visitor import visitor

TEACHING = ROOT / "docs" / "teaching.md"
PLANS = "## Three plans"


def overview(found: list[Lesson]) -> None:
    """A row for each lesson."""
    rows = [
        {
            "lesson": f"{name_of(one.id)}: {page.title}",
            "minutes": one.teaching.minutes,
            "predictions": len(one.predictions),
            "questions": len(one.questions),
        }
        for page, one in zip(LESSONS, found, strict=True)
    ]
    st.dataframe(rows, hide_index=True, width="stretch", height="content")


def one_lesson(found: list[Lesson]) -> None:
    """The notes of a lesson, and its files."""
    st.header("One lesson")
    ids = [page.id for page in LESSONS]
    titles = {page.id: f"{name_of(page.id)}: {page.title}" for page in LESSONS}
    id = st.selectbox(
        "Lesson", ids, format_func=titles.__getitem__, key="teachers_lesson", bind="query-params"
    )
    page, one = next((p, o) for p, o in zip(LESSONS, found, strict=True) if p.id == id)
    with st.container(horizontal=True):
        for name, make in (("notes", notes), ("worksheet", worksheet)):
            st.download_button(
                f"Download the {name}",
                make(one, page),
                f"{stem(page)}-{name}.html",
                "text/html",
                key=f"teachers_{name}",
            )
    st.markdown(f"**Aim.** {one.shown(one.teaching.aim)} About {one.teaching.minutes} minutes.")
    st.markdown("**Afterwards, pupils can**")
    st.markdown("\n".join(f"- {one.shown(goal)}" for goal in one.goals))
    st.markdown(f"**The notion.** {shown(id, 'notion')}")
    st.markdown("**What goes wrong**")
    st.markdown("\n".join(f"- {one.shown(said)}" for said in one.teaching.goes_wrong))
    st.markdown("**Questions to ask**")
    for asked in one.teaching.asks:
        with st.expander(one.shown(asked.ask)):
            st.markdown(one.shown(asked.expected))
    st.caption("Right answers, with what is wrong about the others, stand in the notes.")


def prepare_link() -> None:
    """From the address of a page as it was set up; a teacher of a class has this beside every page, too."""
    st.header("Prepare a link")
    address = st.text_input(
        "Address of a page, as you have set it and as your browser shows it",
        key="teachers_address",
        placeholder="http://localhost:8501/forgetting?forgetting_steps=40",
    )
    if not address.strip():
        return
    try:
        link = link_to(address)
        if link.page not in page_titles():
            raise UserError("That is not the address of a page of this app.")
        link_panel(link, [], key="teachers_link")
    except UserError as error:
        st.error(plain(str(error)))


def plans() -> None:
    """45 minutes, 90 minutes, three weeks: as docs/teaching.md has them."""
    st.header("Three plans")
    text = TEACHING.read_text("utf-8").partition(PLANS)[2].partition("\n## ")[0]
    st.markdown(text)


st.title("For teachers")
st.markdown(
    "Each lesson is a question, a notion in two sentences, a prediction, a run and an explanation. Here are "
    "notes for you and worksheets for your pupils, made from the same data as the lessons."
)
st.download_button(
    "Download notes and worksheets of all lessons",
    packed,
    "kit.zip",
    "application/zip",
    key="teachers_kit",
    type="primary",
)
st.caption(
    "HTML files that need no network and print well: " + plain("python -m core course kit --to kit")
)
known = lessons()
overview(known)
one_lesson(known)
if visitor().role != "learner":
    prepare_link()
plans()
