"""Which runs the table shows, and in which order."""

import streamlit as st

from core.runs.listing import ORDERS, Marked, Wanted, method_of
from core.runs.names import tasks_name
from core.runs.states import STATUSES
from core.runs.store import Run

FEW = 4
"""So many runs need no search."""


def wanted_runs(runs: list[Run], marks: Marked) -> list[Run]:
    """The runs that the reader wants to see."""
    if len(runs) <= FEW and not st.query_params.get("words"):
        return runs
    left, middle, right = st.columns([3, 2, 1], vertical_alignment="bottom")
    words = left.text_input(
        "Search", placeholder="Name, tag, note or id", key="runs_words", bind="query-params"
    )
    order = middle.selectbox("Sort by", list(ORDERS), key="runs_order", bind="query-params")
    with right.popover("Filter", icon=":material/filter_list:", width="stretch"):
        tasks = dict.fromkeys(tasks_name(run.config_dict) for run in runs)
        methods = dict.fromkeys(map(method_of, runs))
        tags = dict.fromkeys(tag for run in runs if run.id in marks for tag in marks[run.id].tags)
        wanted = Wanted(
            words=words,
            order=order,
            tasks=st.multiselect("Data", list(tasks), key="runs_tasks"),
            methods=st.multiselect("Method", list(methods), key="runs_methods"),
            states=st.multiselect("Status", sorted(STATUSES), key="runs_states"),
            tags=st.multiselect("Tags", list(tags), key="runs_tags"),
        )
    found = wanted.of(runs, marks)
    if len(found) < len(runs):
        st.caption(f"{len(found)} of {len(runs)} runs.")
    return found
