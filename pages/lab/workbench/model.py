"""Which model is tuned: one of the catalogue, a folder on this machine, or another one of the hub; and its card."""

from pathlib import Path

import streamlit as st

from core import catalog
from core.catalog import ModelEntry
from core.command_process import CommandProcess
from core.config import MethodConfig, OptimizerConfig, RunConfig, as_taught, method_title
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError
from core.hub_model import hub_entry
from core.models.acquire import model_dir
from pages.shared.engine import current_model, forecast, model_ready
from pages.shared.plain import plain
from pages.shared.prepare import ask_for_model

FOLDER, HUB = "folder", "hub"
TITLES = {
    **{entry.id: entry.title for entry in catalog.MODELS.values()},
    FOLDER: "A folder on this machine",
    HUB: "Another model of the Hugging Face hub",
}


def choose_model() -> ModelEntry | None:
    """The chosen model with its card; None while none is named."""
    chosen = st.selectbox(
        "Model",
        list(TITLES),
        format_func=TITLES.__getitem__,
        key="workbench_model",
        bind="query-params",
    )
    if chosen == FOLDER:
        entry = _from_folder()
    elif chosen == HUB:
        entry = _from_hub()
    else:
        entry = catalog.MODELS[chosen]
    if entry:
        _card(entry)
    return entry


def _from_folder() -> ModelEntry | None:
    path = st.text_input(
        "Folder with a model in Hugging Face format (safetensors)",
        key="workbench_folder",
        bind="query-params",
    ).strip()
    if not path:
        return None
    try:
        return catalog.find_model(path)
    except UserError as error:
        st.error(plain(str(error)))
        return None


@st.cache_resource(show_spinner=False)
def _fetches() -> dict[str, CommandProcess]:
    """Models of the hub that this server fetches, by name."""
    return {}


def _from_hub() -> ModelEntry | None:
    """A model of the hub: a folder like any other, once it is fetched."""
    name = st.text_input(
        "Its name on the hub, for example HuggingFaceTB/SmolLM2-360M-Instruct",
        key="workbench_hub_model",
        bind="query-params",
    ).strip()
    if not name:
        return None
    try:
        entry = hub_entry(name)
        if model_ready(entry):
            return catalog.find_model(str(model_dir(entry)))
    except UserError as error:
        st.error(plain(str(error)))
        return None
    process = _fetches().get(name)
    if process and process.is_running:
        st.fragment(_wait_for, run_every=1.0)(process)
        return None
    if process and process.error:
        st.error(plain(process.error))
    st.caption("Weights in safetensors, configuration and tokenizer are fetched; no code is.")
    if st.button("Fetch the model", key="workbench_fetch_model"):
        _fetches()[name] = CommandProcess(["models", "fetch", name, "--json"])
        st.rerun()
    return None


def _wait_for(process: CommandProcess) -> None:
    if not process.is_running:
        st.rerun()
    st.caption("Fetching the model …")
    if st.button("Stop", key="workbench_fetch_model_stop"):
        process.stop()
        st.rerun()


def _card(entry: ModelEntry) -> None:
    """Size, licence, template and pace, as far as they are known."""
    weights = f"{entry.parameters / 1e6:,.1f} million weights" if entry.parameters else ""
    licence = (
        f"licence {entry.licence}" if entry.licence else "for its licence, see where it comes from"
    )
    fetched = f"{entry.download_mb:,} MB to fetch" if entry.download_mb else ""
    is_ready = model_ready(entry)
    here = "ready on this machine" if is_ready else fetched
    st.caption(f"{plain(entry.title)}: {', '.join(filter(None, (weights, licence, here)))}.")
    if entry.rounding:
        st.caption(entry.rounding)
    if pace := _pace_words(entry.id):
        st.caption(pace)
    if entry.id != current_model().id:
        st.caption(
            f"The lessons stay with {current_model().title}: what they show was recorded with it."
        )
    if not is_ready:
        if not entry.is_local:
            ask_for_model("Prepare this model", key="workbench_prepare", entry=entry)
        else:
            st.error("This folder lacks files of a model: config, tokenizer or safetensors.")
        return
    with st.expander("How a prompt is put to it (chat template)"):
        tokenizer = tokenizer_of(entry)
        if not tokenizer.template:
            st.caption("It has no chat template: it goes on with the prompt as it stands.")
        text = tokenizer.chat([{"role": "user", "content": "Your prompt"}])
        st.code(text, language=None, wrap_lines=True)


def tokenizer_of(entry: ModelEntry) -> ChatTokenizer:
    """Its tokenizer, read once for each version of its files."""
    folder = model_dir(entry)
    changed_ns = tuple(file.stat().st_mtime_ns for file in sorted(folder.glob("*.json")))
    return _read_tokenizer(str(folder), changed_ns)


@st.cache_resource(show_spinner=False, max_entries=4)
def _read_tokenizer(folder: str, changed_ns: tuple[int, ...]) -> ChatTokenizer:
    return ChatTokenizer.load(Path(folder))


def _pace_words(model: str) -> str:
    """Seconds a step here, of the methods that have finished."""
    batch = OptimizerConfig().batch_size
    found: list[str] = []
    try:
        for name in as_taught():
            config = RunConfig(model=model, method=MethodConfig(name=name))
            if pace := forecast().pace(config):
                found.append(f"{method_title(name)} {pace.example_s * batch:.2f} s")
    except UserError:  # a folder that is gone
        return ""
    if not found:
        return "No run of it has finished here that tells how long a step takes."
    return f"In the runs that finished here, a step of {batch} examples took: {', '.join(found)}."
