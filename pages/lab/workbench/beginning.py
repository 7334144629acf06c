"""What a run begins with: the base model, or the tuned weights of a run of the same model and method."""

from dataclasses import replace

import streamlit as st

from core.config import SETTINGS, RunConfig
from core.runs.beginnings import beginnings
from core.runs.names import run_name
from core.runs.record import Run
from pages.shared.engine import store
from pages.shared.plain import plain

KEY = "workbench_start_from"


def title_of(run: Run) -> str:
    return plain(f"{run_name(run.config_dict)} · {run.id}")


def choose_beginning(config: RunConfig) -> RunConfig:
    """Where there is a run to begin with, let it be chosen."""
    found = {run.id: run for run in beginnings(config, store())}
    if st.session_state.get(KEY) not in found:
        st.session_state.pop(KEY, None)
    if not found:
        return config
    chosen = st.selectbox(
        "Begin with",
        ["", *found],
        format_func=lambda run_id: title_of(found[run_id]) if run_id else "the base model",
        key=KEY,
        bind="query-params",
        help=SETTINGS["start_from"].help,
    )
    return replace(config, start_from=chosen)
