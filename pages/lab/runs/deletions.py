"""Deleting with time to think again: a run goes from the list at once, and from the disk a little later.

Until then it is as it was, so undoing needs no more than not deleting. A server that ends in between deletes
nothing.
"""

import logging
from threading import Lock, Timer

import streamlit as st

from core.errors import UserError
from core.runs.names import run_name
from core.runs.store import Run
from pages.shared.engine import delete_run, store

UNDO_S = 60.0
log = logging.getLogger(__name__)


class Deletions:
    """The runs of this server that will be deleted, each with its clock."""

    def __init__(self) -> None:
        self._timers: dict[str, Timer] = {}
        self._lock = Lock()

    def begin(self, run_id: str) -> None:
        with self._lock:
            if run_id in self._timers:
                return
            timer = self._timers[run_id] = Timer(UNDO_S, self._carry_out, [run_id])
            timer.daemon = True
            timer.start()

    def undo(self, run_id: str) -> bool:
        """Keep the run after all; False where it is too late."""
        with self._lock:
            timer = self._timers.pop(run_id, None)
        if timer:
            timer.cancel()
        return timer is not None

    def waiting(self) -> set[str]:
        with self._lock:
            return {*self._timers}

    def _carry_out(self, run_id: str) -> None:
        with self._lock:
            if self._timers.pop(run_id, None) is None:
                return  # undone at the last moment
        try:
            delete_run(run_id)
        except UserError as error:  # it stays listed
            log.warning("not deleted: %s", error)


@st.cache_resource(show_spinner=False)
def deletions() -> Deletions:
    return Deletions()


def delete_button(run: Run) -> None:
    """A button that asks first, and names the run."""
    name = run_name(run.config_dict)
    with st.popover("Delete", width="stretch"):
        st.markdown(f"Delete **{name}** ({run.id}), with its curves, answers and weights?")
        if st.button("Delete this run", type="primary", key=f"runs_delete_{run.id}"):
            deletions().begin(run.id)
            st.session_state["runs_deleted"] = run.id
            st.query_params.pop("run", None)
            st.rerun()


def offer_undo() -> None:
    """What was deleted last in this session, and the button that brings it back."""
    run_id = st.session_state.get("runs_deleted", "")
    if not run_id:
        return
    if run_id not in deletions().waiting():
        del st.session_state["runs_deleted"]
        return
    name = run_name(store().get(run_id).config_dict)
    words, button = st.columns([4, 1], vertical_alignment="center")
    words.info(f"Deleted: {name} ({run_id}). For a minute it can be brought back.")
    if button.button("Undo", key="runs_undo", width="stretch"):
        del st.session_state["runs_deleted"]
        if deletions().undo(run_id):
            st.query_params["run"] = run_id
        st.rerun()
