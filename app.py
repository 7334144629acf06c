"""Tuning Fork: fine-tune a real language model in the browser and see what changes.

Start it with `streamlit run app.py`. This script runs at every interaction: it sets the page up and
hands over to the chosen page.
"""

from urllib.parse import urlparse

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from core.errors import UserError
from pages.shared.engine import engine

st.set_page_config(page_title="Tuning Fork", page_icon="🎼", layout="wide")

# Until the first `st.navigation` of a server, Streamlit looks for pages as files in pages/. The very
# first visitor who opens a link to a lesson would be told that it does not exist: load it once more.
is_first_visit = PagesManager.uses_pages_directory
navigation = st.navigation(
    {
        "": [st.Page("pages/home/page.py", title="Home", icon=":material/home:", default=True)],
        "Lessons": [
            st.Page(
                "pages/lessons/before/page.py", title="1 · Before fine-tuning", url_path="before"
            ),
            st.Page(
                "pages/lessons/instruction/page.py",
                title="2 · Instruction fine-tuning",
                url_path="instruction",
            ),
            st.Page(
                "pages/lessons/forgetting/page.py",
                title="3 · Catastrophic forgetting",
                url_path="forgetting",
            ),
            st.Page("pages/lessons/cures/page.py", title="4 · Cures", url_path="cures"),
            st.Page(
                "pages/lessons/multitask/page.py",
                title="5 · Multi-task tuning",
                url_path="multitask",
            ),
            st.Page("pages/lessons/peft/page.py", title="6 · PEFT families", url_path="peft"),
            st.Page("pages/lessons/lora/page.py", title="7 · LoRA", url_path="lora"),
            st.Page(
                "pages/lessons/soft_prompts/page.py", title="8 · Soft prompts", url_path="soft"
            ),
            st.Page(
                "pages/lessons/one_base/page.py", title="9 · One base, many tasks", url_path="base"
            ),
            st.Page(
                "pages/lessons/evaluation/page.py", title="10 · Evaluation", url_path="evaluation"
            ),
            st.Page(
                "pages/lessons/choice/page.py",
                title="11 · Prompting or fine-tuning?",
                url_path="choice",
            ),
        ],
        "Lab": [
            st.Page(
                "pages/lab/runs/page.py", title="Runs", icon=":material/list:", url_path="runs"
            ),
            st.Page(
                "pages/lab/speed/page.py",
                title="Why is it fast?",
                icon=":material/speed:",
                url_path="speed",
            ),
        ],
    }
)
if is_first_visit and urlparse(st.context.url or "").path.strip("/"):
    st.html("<script>window.location.reload()</script>", unsafe_allow_javascript=True)
    st.stop()
try:
    engine()  # workers warm up while the reader reads
    navigation.run()
except UserError as error:
    st.error(str(error))
