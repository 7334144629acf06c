"""The button that starts a run, or shows an equal one that is finished; and the run in the URL."""

import streamlit as st

from core.config import RunConfig
from core.errors import UserError
from pages.shared.engine import engine, store

RUNS = "pages/lab/runs/page.py"


def run_button(config: RunConfig, label: str, *, key: str, name: str) -> str:
    """Start a run or show a finished equal one; returns the run in the URL under `name`, or ""."""
    done = store().find_finished(config)
    text = f"{label} again" if done else label
    with st.container(horizontal=True):
        if st.button(text, type="primary", key=f"{key}_start", width="stretch"):
            st.query_params[name] = engine().submit(config).id
            st.rerun()
        if done and st.button("Show the finished run", key=f"{key}_show", width="stretch"):
            st.query_params[name] = done.id
            st.rerun()
    return run_in_url(name)


def run_in_url(name: str, *, offer_runs: bool = True) -> str:
    """The run that the URL has under `name`, or ""; one that is not there is said to be gone."""
    wanted = st.query_params.get(name, "")
    if not wanted:
        return ""
    try:
        return store().get(wanted).id
    except UserError:
        st.caption(
            f"The run “{wanted}” in this page’s address is not on this machine; it may have been "
            "deleted. Start a new one."
        )
        if offer_runs:
            st.page_link(RUNS, label="See the runs there are", icon=":material/list:")
        return ""
