"""Tuning Fork: fine-tune a real language model in the browser and see what changes.

Start it with `streamlit run app.py`. This script runs at every interaction: it sets the page up and
hands over to the chosen page.
"""

from urllib.parse import urlparse

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from core.course.lessons import LAB, LESSONS
from core.descriptors import make_room
from core.errors import UserError
from pages.shared.engine import engine

LAB_ICONS = {"runs": ":material/list:", "speed": ":material/speed:"}

st.set_page_config(page_title="Tuning Fork", page_icon="🎼", layout="wide")

# Until the first `st.navigation` of a server, Streamlit looks for pages as files in pages/. The very
# first visitor who opens a link to a lesson would be told that it does not exist: load it once more.
is_first_visit = PagesManager.uses_pages_directory
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
        ],
    }
)
if is_first_visit and urlparse(st.context.url or "").path.strip("/"):
    st.html("<script>window.location.reload()</script>", unsafe_allow_javascript=True)
    st.stop()
try:
    make_room()
    engine()  # workers warm up while the reader reads
    navigation.run()
except UserError as error:
    st.error(str(error))
