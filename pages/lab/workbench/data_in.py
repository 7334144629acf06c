"""Own pairs on the Workbench: read from a file, a text or the hub, shown as they are understood, then confirmed.

Nothing is used before the reader has seen it: which kind of file, which columns, the first pairs, what was left out.
What is confirmed is kept, and its address stands in the URL, so a reload or another screen finds it.
"""

import re
from dataclasses import dataclass, field

import pandas as pd
import streamlit as st

from core.command_process import CommandProcess
from core.course.lessons import name_of
from core.data import uploads
from core.data.intake import Dataset, Mapping, UnknownColumnsError
from core.data.intake.shapes import OWN
from core.data.listing import count
from core.datafile import FILE_TYPES, read
from core.errors import UserError
from core.paths import data_dir
from pages.shared.one_of import one_of
from pages.shared.plain import plain
from pages.shared.uploads import keep_pairs, load_pairs

URL = "dataset"
FILE, TEXT, HUB = "A file", "Pasted text", "The Hugging Face hub"
SHOWN = 5
"""Pairs in the preview."""
MOST_LISTED = 20
"""Lines that were left out."""
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?")
SPLIT = re.compile(r"[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class Given:
    """What the reader brought."""

    content: bytes
    name: str
    key: str
    """Another one for other content, so that its widgets are fresh."""


@dataclass
class Known:
    """What has been found out of a file, kept while it cannot be read: a choice is not to be made twice."""

    columns: list[str] = field(default_factory=list[str])
    mapping: Mapping | None = None


def choose_pairs() -> str:
    """The address of the pairs in use, or "" while there are none."""
    source = one_of(
        st.segmented_control,
        "Where your pairs are",
        [FILE, TEXT, HUB],
        default=FILE,
        key="workbench_source",
    )
    given = {FILE: _from_file, TEXT: _from_text, HUB: _from_hub}[source]()
    is_used = _preview(given) if given else True
    address = _in_use(has_other=not is_used)
    if not given and not address:
        st.caption(
            f"Bring prompts with the answers you want: what a file needs is shown in {name_of('instruction')}. "
            "Nothing leaves this machine."
        )
    return address


def _from_file() -> Given | None:
    file = st.file_uploader(
        "JSONL, JSON, CSV, TSV, XLSX or Parquet", type=FILE_TYPES, key="workbench_file"
    )
    return Given(file.getvalue(), file.name, file.file_id) if file else None


def _from_text() -> Given | None:
    text = st.text_area(
        "JSONL, JSON, or a table with a header, as a spreadsheet copies it",
        key="workbench_text",
        height=160,
        placeholder='{"prompt": "2 + 2 =", "completion": "4"}',
    )
    content = text.encode("utf-8", "replace")
    return Given(content, "Your text", str(hash(text))) if text.strip() else None


@st.cache_resource(show_spinner=False)
def _fetches() -> dict[tuple[str, str], CommandProcess]:
    """Data sets of the hub that this server has asked for, by name and split."""
    return {}


def _from_hub() -> Given | None:
    left, right = st.columns([3, 1])
    name = left.text_input("Data set, for example stanfordnlp/imdb", key="workbench_hub").strip()
    split = right.text_input("Split", "train", key="workbench_split").strip() or "train"
    if not name:
        return None
    if not REPOSITORY.fullmatch(name) or not SPLIT.fullmatch(split):
        st.error("A data set of the hub is named owner/name, and its split with one word.")
        return None
    file = data_dir() / "hub" / f"{name.replace('/', '--')}-{split}.jsonl"
    process = _fetches().get((name, split))
    if process and process.is_running:
        st.fragment(_wait_for, run_every=1.0)(process)
        return None
    if process and not process.error and file.is_file():
        return Given(file.read_bytes(), f"{name} ({split})", f"{name} {split}")
    if process and process.error:
        st.error(plain(process.error))
    if st.button("Fetch it", key="workbench_fetch"):
        command = ["data", "--hub", name, "--split", split, "--out", str(file), "--json"]
        _fetches()[name, split] = CommandProcess(command)
        st.rerun()
    return None


def _wait_for(process: CommandProcess) -> None:
    if not process.is_running:
        st.rerun()
    st.caption("Fetching the first rows …")
    if st.button("Stop", key="workbench_fetch_stop"):
        process.stop()
        st.rerun()


@st.cache_data(show_spinner=False, max_entries=8)
def _read(content: bytes, name: str, mapping: Mapping | None, skip: bool) -> Dataset:
    """Once for each file and way to read it, not at every click."""
    return read(content, name=name, mapping=mapping, skip_bad_lines=skip)


def _preview(given: Given) -> bool:
    """What was recognised, with the mapping to change, the first pairs and what was left out; and the button.

    Returns whether just this is what is in use.
    """
    key = f"workbench_{given.key}"
    skip = st.checkbox("Leave out lines that cannot be used", key=f"{key}_skip")
    known = st.session_state.setdefault(f"{key}_known", Known())
    known.mapping = _chosen(key) or known.mapping
    try:
        data = _read(given.content, given.name, known.mapping, skip)
    except UnknownColumnsError as error:
        st.warning(
            f"{plain(given.name)}: choose the columns. Their names do not say which holds the prompt and which "
            "the completion."
        )
        first = [{column: str(row.get(column, "")) for column in row} for row in error.first]
        st.dataframe(pd.DataFrame(first), hide_index=True, width="stretch")
        known.columns = error.columns
        _choose_columns(known, key)
        return False
    except UserError as error:
        st.error(plain(str(error)))
        _choose_columns(known, key)
        return False
    known.columns, known.mapping = data.columns, data.mapping
    is_own = data.format == OWN
    layout = "the columns are those you chose" if is_own else f"the layout is {plain(data.format)}"
    st.markdown(
        f"**{plain(data.name)}**: {count(len(data.records), 'pair')}. {plain(data.file_type)}; "
        f"{layout}."
    )
    _choose_columns(known, key)
    st.caption(f"{plain(_sentence(data.mapping.in_words))} The first pairs:")
    first = [{n: r[n] for n in ("prompt", "completion")} for r in data.records[:SHOWN]]
    st.dataframe(pd.DataFrame(first), hide_index=True, width="stretch")
    for warning in data.warnings:
        st.caption(plain(warning))
    if data.skipped:
        with st.expander(f"{count(len(data.skipped), 'line')} left out"):
            rows = [{"line": line, "why": why} for line, why in data.skipped[:MOST_LISTED]]
            st.dataframe(pd.DataFrame(rows), hide_index=True)
    shown = (given.key, data.mapping, skip)
    used = st.session_state.get("workbench_used")
    if used == (shown, st.query_params.get(URL, "")):
        return True
    n = count(len(data.records), "pair")
    if st.button(f"Use these {n}", type="primary", key=f"{key}_use"):
        source = uploads.Source(name=data.name, lines=data.lines)
        st.query_params[URL] = address = keep_pairs(data.records, source)
        st.session_state["workbench_used"] = (shown, address)
        st.session_state.setdefault("workbench_skipped", {})[address] = data.skipped
        st.rerun()
    return False


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _choose_columns(known: Known, key: str) -> None:
    columns, mapping = known.columns, known.mapping
    if not columns:
        return
    left, right = st.columns(2)
    left.multiselect(
        "Prompt from", columns, list(mapping.prompt) if mapping else [], key=f"{key}_prompt"
    )
    right.selectbox(
        "Completion from",
        columns,
        columns.index(mapping.completion) if mapping else None,
        key=f"{key}_completion",
    )


def _chosen(key: str) -> Mapping | None:
    prompt = st.session_state.get(f"{key}_prompt")
    completion = st.session_state.get(f"{key}_completion")
    return Mapping(prompt=tuple(prompt), completion=completion) if prompt and completion else None


def _in_use(*, has_other: bool) -> str:
    """The pairs that the address names, in a line; "" where it names none that are here."""
    address = st.query_params.get(URL, "")
    if not address:
        return ""
    try:
        n = len(load_pairs(address))
    except UserError as error:
        st.error(plain(str(error)))
        return ""
    name = uploads.source(address).name
    known = f"{count(n, 'pair')} of {plain(name)}" if name != "The data" else count(n, "pair")
    until = " until you use others" if has_other else ""
    st.success(f"In use{until}: {known}.")
    return address
