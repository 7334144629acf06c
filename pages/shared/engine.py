"""The one engine and run store of this server process, and what every page asks of them."""

import gc

import streamlit as st

from core import catalog
from core.data.tokenizer import ChatTokenizer
from core.models.acquire import is_ready, model_dir
from core.runs.engines.local import LocalEngine
from core.runs.store import RunStore


@st.cache_resource(show_spinner=False)
def store() -> RunStore:
    return RunStore()


@st.cache_resource(show_spinner=False, on_release=LocalEngine.close)
def engine() -> LocalEngine:
    return LocalEngine(store())


@st.cache_resource(show_spinner=False)
def tokenizer(model: str = catalog.DEFAULT_MODEL) -> ChatTokenizer:
    """The tokenizer of a prepared model."""
    return ChatTokenizer.load(model_dir(catalog.find_model(model)))


def model_ready(model: str = catalog.DEFAULT_MODEL) -> bool:
    return is_ready(catalog.find_model(model))


@st.cache_resource(show_spinner=False)
def spare_the_collector() -> None:
    """Take what is loaded by now out of garbage collection, once in this process.

    Streamlit collects all garbage after every rerun. With its libraries loaded that took a third of a
    core while a page followed a run, beside a training that wants both.
    """
    gc.freeze()


def require_model() -> None:
    """Show how to prepare the model, and end the page, while it is not there."""
    if not model_ready():
        preparation()
        st.stop()


@st.fragment(run_every=0.7)
def preparation(model: str = catalog.DEFAULT_MODEL) -> None:
    """The button that prepares a model, its progress, and its failure in plain words."""
    entry = catalog.find_model(model)
    if model_ready(model):
        st.rerun()
    state = engine().preparations.get(model)
    if state and state.running:
        st.progress(min(state.share, 1.0), text=state.message or "Starting")
        if st.button("Stop", key="prepare_stop"):
            engine().stop_preparing(model)
        return
    if state and state.error:
        st.error(state.error)
    st.write(
        f"This page works on a real language model, **{entry.title}**. It is fetched once "
        f"(about {entry.download_mb} MB), checked and converted; no account is needed."
    )
    if st.button("Prepare the model", type="primary", key="prepare_start"):
        engine().prepare(model)
        st.rerun(scope="fragment")
