"""What the class hands in: all reports and results as one ZIP, made when it is asked for."""

import re

import streamlit as st

from core.classroom.classes import SchoolClass
from core.classwork.handing_in import handed_in, zipped
from core.classwork.pupils import pupils
from pages.shared.engine import store
from pages.shared.visitor import classroom


def hand_in(school_class: SchoolClass) -> None:
    room, mine = (
        classroom(),
        store(),
    )  # the file is made later, where nobody knows whose browser asks

    def made() -> bytes:
        found = pupils(room, mine, school_class.id)
        return zipped(handed_in(found, mine.events, marks=mine.marks.all()))

    name = re.sub(r"[^\w-]+", "_", school_class.name, flags=re.ASCII).strip("_") or "class"
    st.download_button(
        "Download all reports and results",
        made,
        f"{name}-results.zip",
        "application/zip",
        key="classroom_hand_in",
        icon=":material/download:",
        help="A lab report for each learner and lesson, and tables of guesses, runs, questions and challenges. "
        "What a learner wrote is not computed by a spreadsheet.",
    )
