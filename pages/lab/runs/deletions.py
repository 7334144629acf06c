"""Deleting with time to think again: a run goes from the list at once, and from the disk a little later.

Until then it is as it was, so undoing needs no more than not deleting. A server that ends in between deletes
nothing.
"""

import logging
from collections.abc import Sequence
from threading import Lock, Timer

import streamlit as st

from core.errors import UserError
from core.runs.listing import title_of
from core.runs.store import Run, RunStore
from pages.shared.engine import delete_run, store
from pages.shared.plain import plain
from pages.shared.visitor import visitor

UNDO_S = 60.0
log = logging.getLogger(__name__)


class AllDeletions:
    """The runs of this server that will be deleted, each with its clock, by whose they are: another learner's
    deletion of the same run is another one."""

    def __init__(self) -> None:
        self.timers: dict[tuple[str, str], Timer] = {}
        self.lock = Lock()


class Deletions:
    """Those of one space. `store` is that of who deletes: nobody looks at a page when the time has come."""

    def __init__(self, every: AllDeletions, space: str, store: RunStore) -> None:
        self._every = every
        self._space = space
        self._store = store

    def begin(self, run_id: str) -> None:
        self._store.get(run_id)  # `UserError` where it is not theirs
        with self._every.lock:
            if (self._space, run_id) in self._every.timers:
                return
            timer = Timer(UNDO_S, self._carry_out, [run_id])
            self._every.timers[self._space, run_id] = timer
            timer.daemon = True
            timer.start()

    def undo(self, run_id: str) -> bool:
        """Keep the run after all; False where it is too late."""
        with self._every.lock:
            timer = self._every.timers.pop((self._space, run_id), None)
        if timer:
            timer.cancel()
        return timer is not None

    def waiting(self) -> set[str]:
        with self._every.lock:
            return {run_id for space, run_id in self._every.timers if space == self._space}

    def _carry_out(self, run_id: str) -> None:
        with self._every.lock:
            if self._every.timers.pop((self._space, run_id), None) is None:
                return  # undone at the last moment
        try:
            delete_run(run_id, of=self._store)
        except UserError as error:  # it stays listed
            log.warning("not deleted: %s", error)


@st.cache_resource(show_spinner=False)
def _all_deletions() -> AllDeletions:
    return AllDeletions()


def deletions() -> Deletions:
    """Those of who looks at this page."""
    return Deletions(_all_deletions(), visitor().space, store())


def delete_button(runs: Sequence[Run]) -> None:
    """A button that asks first, and names the run, or says how many there are."""
    one = runs[0]
    what = f"these {len(runs)} runs"
    with st.popover("Delete" if len(runs) == 1 else f"Delete {what}", width="stretch"):
        if len(runs) == 1:
            name = plain(title_of(one, store().marks.all()))
            st.markdown(f"Delete **{name}** ({one.id}), with its curves, answers and weights?")
        else:
            st.markdown(f"Delete {what}, with their curves, answers and weights?")
        label = "Delete this run" if len(runs) == 1 else f"Delete {what}"
        key = f"runs_delete_{one.id}" if len(runs) == 1 else "runs_delete_all"
        if st.button(label, type="primary", key=key):
            for run in runs:
                deletions().begin(run.id)
            st.session_state["runs_deleted"] = [run.id for run in runs]
            st.query_params.pop("run", None)
            st.rerun()


def offer_undo() -> None:
    """What was deleted last in this session, and the button that brings it back."""
    waiting = deletions().waiting()
    run_ids = [run_id for run_id in st.session_state.get("runs_deleted", ()) if run_id in waiting]
    if not run_ids:
        st.session_state.pop("runs_deleted", None)
        return
    name = plain(title_of(store().get(run_ids[0]), store().marks.all()))
    what = f"{name} ({run_ids[0]})" if len(run_ids) == 1 else f"{len(run_ids)} runs"
    it = "it" if len(run_ids) == 1 else "they"
    words, button = st.columns([4, 1], vertical_alignment="center")
    words.info(f"Deleted: {what}. For a minute {it} can be brought back.")
    if button.button("Undo", key="runs_undo", width="stretch"):
        del st.session_state["runs_deleted"]
        back = [run_id for run_id in run_ids if deletions().undo(run_id)]
        if len(back) == 1:
            st.query_params["run"] = back[0]
        st.rerun()
