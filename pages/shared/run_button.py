"""The button that starts a run, or shows an equal one that is finished; and the run in the URL."""

import streamlit as st

from core import catalog
from core.config import RunConfig
from core.errors import UserError, shortened
from core.events import Step
from core.runs import duration
from core.runs.states import RunStatus
from core.runs.store import Run
from core.runs.unfinished import can_go_on
from pages.shared.engine import engine, events_of, forecast, model_ready, store
from pages.shared.learner import remember_run
from pages.shared.live import LEFT
from pages.shared.plain import plain
from pages.shared.prepare import compute_button
from pages.shared.recordings import recorded_by_id
from pages.shared.visitor import visitor
from pages.shared.waiting import queue_words

RUNS = "pages/lab/runs/page.py"
EXPLORE = "pages/lab/explore/page.py"
GOES_ON = (
    "A new run takes up where this one was stopped. Its losses are those of a run that was never stopped; this one "
    "stays as it is."
)
LOOK_S = 5.0
"""Between two looks at what a new run would wait for."""


def run_button(config: RunConfig, label: str, *, key: str, name: str) -> str:
    """Start a run or show a finished equal one; returns the run in the URL under `name`, or ""."""
    done = store().find_finished(config)
    text = f"{label} again" if done else label
    with st.container(horizontal=True):
        if computes_anew(done) and start_button(config, text, key=f"{key}_start"):
            run_id = engine().submit(config).id
            remember_run(run_id, key=key)
            st.query_params[name] = run_id
            st.rerun()
        if done and st.button("Show the finished run", key=f"{key}_show", width="stretch"):
            st.query_params[name] = done.id
            st.rerun()
    say_active(config)
    run_id = run_in_url(name)
    go_on_button(run_id, key=f"{key}_go_on", name=name)
    return run_id


def go_on_button(run_id: str, *, key: str, name: str) -> None:
    """Where the run in the address under `name` was stopped and can go on: the button for it."""
    if not run_id or not can_go_on(store().get(run_id)):
        return
    steps = [e for e in events_of(run_id) if isinstance(e, Step)]
    where = f"step {steps[-1].step}" if steps else "there"
    if st.button(f"Go on from {where}", key=key, icon=":material/resume:", help=GOES_ON):
        st.query_params[name] = engine().resume(run_id).id
        st.rerun()


def computes_anew(done: Run | None) -> bool:
    """Whether to start settings of which a run has finished makes another one: for the owner. In a class equal
    settings are computed once, unless the weights are gone."""
    return visitor().role == "owner" or done is None or not store().size_bytes(done.id)


def start_button(config: RunConfig, label: str, *, key: str) -> bool:
    """Whether it was clicked. A run that takes long says first how long, and asks."""
    entry = catalog.find_model(config.model)
    expected = forecast().expected_s(config)
    warning = duration.warning(config, expected) if model_ready(entry) else ""
    if not warning:
        return compute_button(label, key=key, is_primary=True, width="stretch", entry=entry)
    with st.popover(label, width="stretch"):
        st.write(warning)
        return st.button("Start it", type="primary", key=key, width="stretch")


def say_active(config: RunConfig) -> None:
    """That a run of these settings is on its way, which a click on the button shows; else what a new one
    would wait for."""
    if same := store().find_active(config):
        what = "waiting" if same.status is RunStatus.QUEUED else "training"
        st.caption(f"A run with exactly these settings is {what} already; it is not started twice.")
    elif queue_words():
        st.fragment(_say_queue, run_every=LOOK_S)()


def _say_queue() -> None:
    if words := queue_words():
        st.caption(words)


def run_in_url(name: str, *, offer_runs: bool = True) -> str:
    """The run that the URL has under `name`, or ""; one that is not there is said to be gone."""
    wanted = st.query_params.get(name, "")
    if not wanted:
        return ""
    try:
        return store().get(wanted).id
    except UserError:
        if wanted == st.session_state.get(LEFT):
            st.caption("You have stopped following this run. It goes on for others in your class.")
            return ""
        if recorded_by_id(
            wanted
        ):  # a lesson that has its settings plays it (pages/shared/answers.py)
            st.page_link(
                EXPLORE,
                label="See this recorded run in Explore",
                icon=":material/bubble_chart:",
                query_params={"run": wanted},
            )
            return ""
        st.caption(
            f"The run “{plain(shortened(wanted))}” in this page’s address is not on this machine; it may have been "
            "deleted. Start a new one."
        )
        if offer_runs:
            st.page_link(RUNS, label="See the runs there are", icon=":material/list:")
        return ""
