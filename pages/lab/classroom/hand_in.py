"""What the class hands in: all reports and results as one ZIP, made when it is asked for."""

import re

import streamlit as st

from core.classroom.classes import SchoolClass
from core.classwork.handing_in import handed_in, zipped
from core.classwork.pupils import pupils
from pages.shared.engine import events_of, store
from pages.shared.visitor import classroom


def hand_in(school_class: SchoolClass) -> None:
    def made() -> bytes:
        found = pupils(classroom(), store(), school_class.id)
        return zipped(handed_in(found, events_of, marks=store().marks.all()))

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
