"""Tuning Fork: fine-tune a real language model in the browser and see what changes.

Start it with `streamlit run app.py`. This script runs at every interaction: it sets the page up and
hands over to the chosen page.
"""

import streamlit as st

from core.errors import UserError
from pages.ui.engine import engine

st.set_page_config(page_title="Tuning Fork", page_icon="🎼", layout="wide")

navigation = st.navigation(
    {
        "": [st.Page("pages/lessons/home.py", title="Home", icon=":material/home:", default=True)],
        "Lessons": [
            st.Page("pages/lessons/before.py", title="1 · Before fine-tuning", url_path="before"),
            st.Page(
                "pages/lessons/instruction.py",
                title="2 · Instruction fine-tuning",
                url_path="instruction",
            ),
        ],
        "Lab": [
            st.Page("pages/lab/runs.py", title="Runs", icon=":material/list:", url_path="runs")
        ],
    }
)
try:
    engine()  # workers warm up while the reader reads
    navigation.run()
except UserError as error:
    st.error(str(error))
