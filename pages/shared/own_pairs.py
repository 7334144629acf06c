"""Own pairs on a page: a file with what was recognised in it, and a table whose edits are kept.

What is in use stands in the URL by its address, so a reload loses nothing. A file is read when it is new or
when the reader changes how it is read; after that, edits win.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from core import catalog
from core.config import DataConfig
from core.data import uploads
from core.data.edited import EditedRow, keep_edited
from core.data.examples import Splits, load_splits
from core.data.intake import Mapping, UnknownColumnsError
from core.datafile import FILE_TYPES, read
from core.errors import UserError
from pages.shared.plain import plain
from pages.shared.uploads import bringing, keep_pairs

State = dict[str, Any]


def choose_file(*, key: str, url: str) -> str:
    """An uploader; returns the address of the pairs in use, which stands in the URL under `url`, or ""."""
    file = st.file_uploader(
        "Prompts and completions as JSONL, JSON, CSV, XLSX or Parquet",
        type=FILE_TYPES,
        key=f"{key}_file",
    )
    state: State = st.session_state.setdefault(f"{key}_read", {})
    if file is None:
        state.clear()
        return st.query_params.get(url, "")
    place = st.container()
    skip = st.checkbox("Leave out lines that cannot be used", key=f"{key}_skip_{file.file_id}")
    wanted = _chosen_columns(key, file.file_id)
    is_new = state.get("file") != file.file_id
    known = [] if is_new else state["columns"]
    if known and not wanted:  # the widgets were away while an error was shown
        wanted = state["mapping"]
    if is_new or state["skip"] != skip or (wanted and wanted != state["mapping"]):
        state.clear()
        state |= {"file": file.file_id, "skip": skip, "mapping": wanted, "columns": known}
        try:
            data = read(file.getvalue(), name=file.name, mapping=wanted, skip_bad_lines=skip)
            source = uploads.Source(name=data.name, lines=data.lines)
            state |= {"data": data, "mapping": data.mapping, "columns": data.columns}
            state["address"] = st.query_params[url] = keep_pairs(data.records, source)
        except UnknownColumnsError as error:
            said = (
                f"{file.name}: choose the columns. Their names do not say which holds the prompt and which "
                "the completion."
            )
            state |= {"error": said, "columns": error.columns, "first": error.first}
        except UserError as error:
            state["error"] = str(error)
    with place:
        return _show(state, key, url)


def _show(state: State, key: str, url: str) -> str:
    """What was recognised, or what is wrong; the address in use."""
    if "error" in state:
        st.error(plain(state["error"]))
        if first := state.get("first"):
            rows = [{column: str(row.get(column, "")) for column in row} for row in first]
            st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")
        _choose_columns(state, key)
        return ""
    if st.query_params.get(url, "") != state["address"]:
        st.caption("Your edited pairs are in use; the file stays as it is.")
        if st.button("Go back to the file", key=f"{key}_back"):
            st.query_params[url] = state["address"]
            st.rerun()
        return st.query_params.get(url, "")
    data = state["data"]
    taken = data.taken or "prompt and completion"
    st.caption(f"{len(data.records)} pairs. {data.file_type}; {plain(taken)}.")
    for warning in data.warnings:
        st.caption(plain(warning))
    with st.expander("The first pairs, and which columns they come from"):
        _choose_columns(state, key)
        first = [{name: r[name] for name in ("prompt", "completion")} for r in data.records[:3]]
        st.dataframe(pd.DataFrame(first), hide_index=True, width="stretch")
    return state["address"]


def _choose_columns(state: State, key: str) -> None:
    """Which columns make the prompt and the completion."""
    columns, mapping, file = state["columns"], state["mapping"], state["file"]
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
    table: State = st.session_state.setdefault("instruction_table", {"number": 0, "made": ""})
    whole = replace(data, train_examples=0)
    goes_on = bool(table["made"]) and data.dataset == table["made"]
    if not goes_on and (table["made"] or table.get("base") != whole):
        table |= {"number": table["number"] + 1, "base": whole, "made": "", "left_out": []}
    base: DataConfig = table["base"]
    splits = load_splits(base, seed=0)
    with st.expander("Browse and edit the training pairs", expanded=goes_on):
        edited = st.data_editor(
            _frame(splits),
            num_rows="dynamic",
            key=f"instruction_edit_{table['number']}",
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
        for sentence in table["left_out"]:
            st.warning(plain(sentence))


def _use(rows: Sequence[EditedRow], splits: Splits, table: State, data: DataConfig) -> None:
    """Make the table's rows the dataset in use; when none are left, the last ones stay in use."""
    hold = bringing()
    try:
        address, table["left_out"] = keep_edited(rows, splits)
        hold(address)
    except UserError as error:
        st.error(plain(str(error)))
        return
    if address == data.dataset:
        return
    table["made"] = st.session_state["instruction_edited"] = address
    if data.dataset and data.template:  # it goes on with the pairs; a new one's field begins empty
        st.query_params[f"instruction_template_{address}"] = data.template
    st.rerun()


def _frame(splits: Splits) -> pd.DataFrame:
    pairs = [
        {"prompt": e.prompt, "completion": e.completion, "tags": list(e.tags)} for e in splits.train
    ]
    return pd.DataFrame(pairs, index=range(1, len(pairs) + 1))
