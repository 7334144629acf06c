"""The run doctor's panel: the likeliest cause with its figure, and the next run by one button."""

import streamlit as st

from core.doctor.case import Case
from core.doctor.diagnosis import Diagnosis
from core.doctor.doctor import diagnose
from core.errors import UserError
from core.events import Step
from pages.shared.engine import engine, events_of, store
from pages.shared.plain import plain
from pages.shared.run_button import start_button
from pages.shared.uploads import bringing


def doctor_panel(run_id: str, *, key: str, name: str = "run") -> None:
    """Why a run went as it did; nothing while it is under way, or where it took no step. A next run is put into
    the address under `name`.
    """
    run = store().get(run_id)
    if not run.status.is_over or not any(isinstance(e, Step) for e in events_of(run_id)):
        return
    try:
        found = _found(run_id)
    except UserError:  # its settings are no longer valid; the page says so
        return
    st.subheader("Run doctor")
    if not found:
        st.write("No likely cause of trouble shows in what was measured.")
        return
    _show(found[0], key=f"{key}_next", name=name)
    if found[1:]:
        with st.expander(f"Other signs ({len(found) - 1})"):
            for number, one in enumerate(found[1:], start=2):
                _show(one, key=f"{key}_next_{number}", name=name)


@st.cache_resource(show_spinner=False, max_entries=200)
def _found(run_id: str) -> list[Diagnosis]:
    """A run that is over does not change: its pairs are looked at once, for all readers."""
    return diagnose(Case.of(store().get(run_id).config, events_of(run_id)))


def _show(one: Diagnosis, *, key: str, name: str) -> None:
    cause, _, shown_by = one.sentence.partition(": ")
    st.markdown(f"**{cause}:** {plain(shown_by)}")
    st.caption(f"Measured: {one.measure} {one.figure:.3g}; the limit is {one.limit:.3g}.")
    if one.advice:
        st.markdown(one.advice)
    if one.next and start_button(one.next.config, f"Next run: {one.next.change}", key=key):
        hold = bringing()
        config = one.next.ready()
        hold(config.data.dataset)
        st.query_params[name] = engine().submit(config).id
        st.rerun()
