"""Own pairs on a page: a file with what was recognised in it, and a table whose edits are kept.

What is in use stands in the URL by its address, so a reload loses nothing. A file is read when it is new or
when the reader changes how it is read; after that, edits win.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core import catalog
from core.config import DataConfig
from core.data import uploads
from core.data.edited import EditedRow, keep_edited
from core.data.examples import Splits, load_splits
from core.data.intake import Dataset, Mapping, UnknownColumnsError
from core.datafile import FILE_TYPES, read
from core.errors import UserError
from core.typed_json import JsonObject
from pages.shared.plain import plain
from pages.shared.uploads import bringing, keep_pairs


@dataclass(frozen=True)
class FileRead:
    """A file in the uploader, and what came of reading it as the reader wants it."""

    file: str
    skip: bool
    mapping: Mapping | None
    columns: Sequence[str]
    data: Dataset | None = None
    """None where it cannot be read: then `error` says why, and `first` shows its first rows."""
    address: str = ""
    error: str = ""
    first: Sequence[JsonObject] = ()


@dataclass
class Table:
    """The pairs in the table: what it began with, and what was made of its edits."""

    base: DataConfig
    number: int = 0
    made: str = ""
    """The address of the edited pairs in use."""
    left_out: list[str] = field(default_factory=list[str])


def choose_file(*, key: str, url: str) -> str:
    """An uploader; returns the address of the pairs in use, which stands in the URL under `url`, or ""."""
    file = st.file_uploader(
        "Prompts and completions as JSONL, JSON, CSV, XLSX or Parquet",
        type=FILE_TYPES,
        key=f"{key}_file",
    )
    if file is None:
        st.session_state.pop(f"{key}_read", None)
        return st.query_params.get(url, "")
    before: FileRead | None = st.session_state.get(f"{key}_read")
    if before and before.file != file.file_id:
        before = None
    place = st.container()
    skip = st.checkbox("Leave out lines that cannot be used", key=f"{key}_skip_{file.file_id}")
    wanted = _chosen_columns(key, file.file_id)
    if before and before.columns and not wanted:  # the widgets were away while an error was shown
        wanted = before.mapping
    if before and before.skip == skip and (not wanted or wanted == before.mapping):
        state = before
    else:
        known = before.columns if before else ()
        state = _read(file, FileRead(file=file.file_id, skip=skip, mapping=wanted, columns=known))
        if state.address:
            st.query_params[url] = state.address
        st.session_state[f"{key}_read"] = state
    with place:
        return _show(state, key, url)


def _read(file: UploadedFile, state: FileRead) -> FileRead:
    """`state` with what came of reading it as it says."""
    try:
        data = read(
            file.getvalue(), name=file.name, mapping=state.mapping, skip_bad_lines=state.skip
        )
        state = replace(state, mapping=data.mapping, columns=data.columns)
        source = uploads.Source(name=data.name, lines=data.lines)
        address = keep_pairs(data.records, source)
    except UnknownColumnsError as error:
        said = (
            f"{file.name}: choose the columns. Their names do not say which holds the prompt and which "
            "the completion."
        )
        return replace(state, error=said, columns=error.columns, first=error.first)
    except UserError as error:
        return replace(state, error=str(error))
    return replace(state, data=data, address=address)


def _show(state: FileRead, key: str, url: str) -> str:
    """What was recognised, or what is wrong; the address in use."""
    data = state.data
    if data is None:
        st.error(plain(state.error))
        if state.first:
            rows = [{column: str(row.get(column, "")) for column in row} for row in state.first]
            st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")
        _choose_columns(state, key)
        return ""
    if st.query_params.get(url, "") != state.address:
        st.caption("Your edited pairs are in use; the file stays as it is.")
        if st.button("Go back to the file", key=f"{key}_back"):
            st.query_params[url] = state.address
            st.rerun()
        return st.query_params.get(url, "")
    taken = data.taken or "prompt and completion"
    st.caption(f"{len(data.records)} pairs. {data.file_type}; {plain(taken)}.")
    for warning in data.warnings:
        st.caption(plain(warning))
    with st.expander("The first pairs, and which columns they come from"):
        _choose_columns(state, key)
        first = [{name: r[name] for name in ("prompt", "completion")} for r in data.records[:3]]
        st.dataframe(pd.DataFrame(first), hide_index=True, width="stretch")
    return state.address


def _choose_columns(state: FileRead, key: str) -> None:
    """Which columns make the prompt and the completion."""
    columns, mapping, file = list(state.columns), state.mapping, state.file
    if not columns:
        return
    left, right = st.columns(2)
    left.multiselect(
        "Prompt from", columns, list(mapping.prompt) if mapping else [], key=f"{key}_prompt_{file}"
    )
    right.selectbox(
        "Completion from",
        columns,
        columns.index(mapping.completion) if mapping else None,
        key=f"{key}_completion_{file}",
    )


def _chosen_columns(key: str, file: str) -> Mapping | None:
    prompt = st.session_state.get(f"{key}_prompt_{file}")
    completion = st.session_state.get(f"{key}_completion_{file}")
    return Mapping(prompt=tuple(prompt), completion=completion) if prompt and completion else None


def take_over_edits() -> None:
    """Put what was edited in the last rerun into the URL. Before the widget of the dataset is drawn,
    since its value cannot be changed after."""
    if "instruction_edited" in st.session_state:
        st.query_params["dataset"] = st.session_state.pop("instruction_edited")
        st.session_state["instruction_task"] = catalog.CUSTOM_TASK


def edit_pairs(data: DataConfig) -> None:
    """All training pairs as a table. Each edit is at once the dataset in use, with its own address.

    The table keeps showing what it began with, plus the edits, while these are in use.
    """
    whole = replace(data, train_examples=0)
    table: Table = st.session_state.get("instruction_table") or Table(base=whole)
    goes_on = bool(table.made) and data.dataset == table.made
    if not goes_on and (table.made or table.base != whole):
        table = Table(base=whole, number=table.number + 1)
    st.session_state["instruction_table"] = table
    splits = load_splits(table.base, seed=0)
    with st.expander("Browse and edit the training pairs", expanded=goes_on):
        edited = st.data_editor(
            _frame(splits),
            num_rows="dynamic",
            key=f"instruction_edit_{table.number}",
            column_config={"tags": None},
            height=280,
        )
        rows = [EditedRow(**row) for row in edited.to_dict("records")]
        is_edited = [(row.prompt, row.completion) for row in rows] != [
            (e.prompt, e.completion) for e in splits.train
        ]
        copy = data.task != catalog.CUSTOM_TASK and st.button(
            "Use my edited pairs", key="instruction_use_edits"
        )
        if is_edited or goes_on or copy:
            _use(rows, splits, table, data)
        for sentence in table.left_out:
            st.warning(plain(sentence))


def _use(rows: Sequence[EditedRow], splits: Splits, table: Table, data: DataConfig) -> None:
    """Make the table's rows the dataset in use; when none are left, the last ones stay in use."""
    hold = bringing()
    try:
        address, table.left_out = keep_edited(rows, splits)
        hold(address)
    except UserError as error:
        st.error(plain(str(error)))
        return
    if address == data.dataset:
        return
    table.made = st.session_state["instruction_edited"] = address
    if data.dataset and data.template:  # it goes on with the pairs; a new one's field begins empty
        st.query_params[f"instruction_template_{address}"] = data.template
    st.rerun()


def _frame(splits: Splits) -> pd.DataFrame:
    pairs = [
        {"prompt": e.prompt, "completion": e.completion, "tags": list(e.tags)} for e in splits.train
    ]
    return pd.DataFrame(pairs, index=range(1, len(pairs) + 1))
