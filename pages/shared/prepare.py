"""The model is asked for where something computes, and nowhere else: no page waits for it.

A button that computes is a `compute_button`. While the model is not prepared, it opens a note that says what would
be fetched, and prepares it. What cannot be shown without the model says so with `ask_for_model`. How far the
preparation is stands in a corner of every page (`preparation_corner`, which app.py draws), so the reader goes on
reading.
"""

from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import catalog
from core.catalog import ModelEntry
from pages.shared.engine import current_model, engine, model_ready
from pages.shared.plain import plain

POLL_S = 0.7
Width = Literal["content", "stretch"]


def compute_button(
    label: str,
    *,
    key: str,
    place: DeltaGenerator | None = None,
    is_primary: bool = False,
    width: Width = "content",
    disabled: bool = False,
    entry: ModelEntry | None = None,
) -> bool:
    """A button that needs a model: whether it was clicked. Without the model it asks for that instead.

    `entry` is another model than the one that the pages work on.
    """
    where = place or st.container()
    kind = "primary" if is_primary else "secondary"
    if not model_ready(entry):
        ask_for_model(label, key=key, place=where, kind=kind, width=width, entry=entry)
        return False
    return where.button(label, type=kind, key=key, width=width, disabled=disabled)


def ask_for_model(
    label: str,
    *,
    key: str,
    place: DeltaGenerator | None = None,
    kind: Literal["primary", "secondary"] = "secondary",
    width: Width = "content",
    entry: ModelEntry | None = None,
) -> None:
    """What the model is and the button that prepares it, behind a button named `label`."""
    entry = entry or current_model()
    state = engine().preparations.get(entry.id)
    with (place or st).popover(label, type=kind, width=width):
        if state and state.running:
            st.write("The model is being prepared. Read on: this works as soon as it is here.")
            return
        st.write(
            f"This works on a real language model, **{entry.title}**. It is fetched once "
            f"(about {entry.download_mb} MB), checked and converted; no account is needed."
        )
        if st.button("Prepare the model", type="primary", key=f"{key}_prepare"):
            engine().prepare(entry.id)
            st.rerun()


def preparation_corner() -> None:
    """How far the preparation of a model is, or why it failed; nothing while there is none."""
    begun = [catalog.MODELS[model] for model in engine().preparations if model in catalog.MODELS]
    entry = next((one for one in begun if not model_ready(one)), None)
    state = engine().preparations[entry.id] if entry else None
    runs = bool(state and state.running)
    with st.container(key="preparation"):
        if entry:
            st.fragment(_progress, run_every=POLL_S if runs else None)(entry, runs)


def _progress(entry: ModelEntry, was_running: bool) -> None:
    state = engine().preparations.get(entry.id)
    if model_ready(entry) or not state or state.running != was_running:
        st.rerun()  # its buttons compute now, or the polling ends
    if state.running:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.progress(min(state.share, 1.0), text=plain(state.message or "Starting"))
            if st.button("Stop", key="prepare_stop"):
                engine().stop_preparing(entry.id)
    else:
        st.error(plain(state.error or "The model was not prepared."))
        if st.button("Prepare the model again", key="prepare_again"):
            engine().prepare(entry.id)
            st.rerun()
