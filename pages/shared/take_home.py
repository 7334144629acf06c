"""Take a run home: its export in a format, checked, as one ZIP to download.

What writes it is the command `export` in a process of its own (core/command_process.py): this one loads no torch,
and the reader can stop it. What was written stays until it is made anew or the run is deleted, so that a reload and
other readers find it.
"""

import json
from pathlib import Path

import pandas as pd
import streamlit as st

from core import catalog
from core.command_process import CommandProcess
from core.data.listing import count
from core.errors import UserError
from core.export import kept
from core.export.card import base_name
from core.export.export import FORMATS, MODELS, PROGRAMS, formats_of
from core.export.parity import FILE, Parity
from core.export.snippets import how_to_load
from core.runs.duration import in_words
from core.runs.states import RunStatus
from core.runs.store import Run
from core.typed_json import read, read_object
from pages.shared.engine import store
from pages.shared.plain import plain

POLL_S = 1.0
MOST_AT_ONCE = 2
"""Exports that one server writes at the same time: each loads a model, and a class has thirty pupils."""
TITLES = {
    "peft": "Adapter for peft",
    "merged": "Whole model for transformers",
    "gguf": "Whole model for llama.cpp and Ollama (GGUF)",
    "script": "Training script with its data",
    "notebook": "Training notebook with its data",
    "card": "Model card",
    "report": "Report of the run as a page",
}


@st.cache_resource(show_spinner=False)
def _under_way() -> dict[tuple[str, str], CommandProcess]:
    """The exports that this server has begun, by run and format."""
    return {}


def take_home(run: Run) -> None:
    """The panel of a run that has trained: choose a format, have it written and checked, download it."""
    if run.status not in (RunStatus.FINISHED, RunStatus.STOPPED):
        return
    st.subheader("Take it home")
    formats = formats_of(store(), run)
    key = f"take_home_{run.id}"
    format = st.selectbox("Format", formats, format_func=TITLES.__getitem__, key=f"{key}_format")
    st.caption(f"{FORMATS[format][:1].upper()}{FORMATS[format][1:]}.")
    if not set(MODELS).intersection(formats):
        st.caption("This run left no weights, so there is no model to take home.")
    try:
        if format in MODELS:
            st.caption(catalog.find_model(run.config.model).rounding)
        process = _under_way().get((run.id, format))
        if process and process.is_running:
            st.fragment(_progress, run_every=POLL_S)(run.id, format)
        elif kept.is_there(run.id, format):
            _result(run, format, key)
        else:
            _begin(run, format, key, process.error if process else "")
    except UserError as error:
        st.error(plain(str(error)))


def _begin(run: Run, format: str, key: str, error: str) -> None:
    if error:
        st.error(plain(error))
    check = ["--no-check"]
    if format in MODELS:
        words = "Check it: a fresh process answers the run’s prompts with it, without this app"
        check = ["--check"] if st.checkbox(words, True, key=f"{key}_check_{format}") else check
    elif format in PROGRAMS:
        words = "Check it: a fresh process carries it out, which takes as long as training"
        check = ["--check"] if st.checkbox(words, False, key=f"{key}_check_{format}") else check
    if st.button("Export", type="primary", key=f"{key}_start_{format}"):
        if sum(process.is_running for process in _under_way().values()) >= MOST_AT_ONCE:
            raise UserError(
                f"{MOST_AT_ONCE} other exports are being written on this machine. Press Export again when one of "
                "them has ended."
            )
        to = kept.folder_of(run.id, format)
        kept.remove(run.id, format)
        command = ["export", "--run", run.id, "--to", str(to), "--format", format, *check, "--json"]
        _under_way()[run.id, format] = CommandProcess(command)
        st.rerun()


def _progress(run_id: str, format: str) -> None:
    process = _under_way()[run_id, format]
    if not process.is_running:
        st.rerun()
    stages = 2 if "--check" in process.arguments else 1
    done = len([line for line in process.said if line.startswith("Written")])
    what = plain(process.said[-1]) if done else "The files are being written."
    st.progress((0.5 + done) / (stages + 0.5), text=f"{what} {in_words(process.elapsed_s)} so far.")
    if st.button("Stop", key=f"take_home_{run_id}_stop"):
        process.stop()
        st.rerun()


def _result(run: Run, format: str, key: str) -> None:
    folder = kept.folder_of(run.id, format)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    with st.container(horizontal=True):
        st.download_button(
            f"Download ({max(0.1, size / 1e6):,.1f} MB)",
            lambda: kept.zipped(run.id, format).open("rb"),
            file_name=f"{folder.name}.zip",
            mime="application/zip",
            type="primary",
            key=f"{key}_download_{format}",
        )
        if st.button("Export it anew", key=f"{key}_anew_{format}"):
            kept.remove(run.id, format)
            _under_way().pop((run.id, format), None)
            st.rerun()
    if (folder / FILE).is_file():
        _check(folder)
    elif format in (*MODELS, *PROGRAMS):
        st.caption("It was not checked. Export it anew with the check to know that it works.")
    if format in MODELS:
        entry = catalog.find_model(run.config.model)
        with st.expander("How to load it"):
            for paragraph in how_to_load(run, format, base=base_name(entry)):
                st.markdown(paragraph)


def _check(folder: Path) -> None:
    """What the check found: answers side by side, or what a script came to beside the run."""
    try:
        found = read_object(json.loads((folder / FILE).read_text("utf-8")))
        if "said" in found:
            st.success(plain(str(found["said"])))
            return
        parity = read(Parity, found)
    except (OSError, ValueError):
        st.caption("What the check found cannot be read; export it anew.")
        return
    (st.warning if parity.unexplained else st.success)(plain(parity.in_words))
    with st.expander(f"The answers of both: {count(len(parity.rows), 'prompt')}"):
        st.dataframe(_table(parity), hide_index=True, width="stretch")


def _table(parity: Parity) -> pd.DataFrame:
    verdict = {True: "equal", False: "different"}
    said = {id(row): "near tie" for row in parity.near_ties}
    said |= {id(row): "rounded adapter" for row in parity.by_rounding}
    return pd.DataFrame(
        [
            {
                "prompt": row.prompt,
                "in the app": row.app,
                "exported": row.exported,
                "answers": said.get(id(row), verdict[row.is_equal]),
            }
            for row in parity.rows
        ]
    )
