"""Any model on any test set: ask it, show every answer, and set two models against each other."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st

from core import catalog
from core.data import uploads
from core.data.lengths import check_test_pairs
from core.evaluate.examples import (
    MEASURES,
    RIGHT_FROM,
    examples_of,
    is_wrong,
    summary,
    to_csv,
    usual_measure,
)
from core.runs.store import Run
from pages.ui.engine import engine, store, tokenizer
from pages.ui.live import shared_words
from pages.ui.own_pairs import choose_file
from pages.ui.settings import METHOD_TITLES

Row = dict[str, Any]
UNTOUCHED = "the untouched model"
MOST_RUNS = 30
MOST_KEPT = 60
BINARY = ("exact_match", "contains")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is measured: a model (a run's, or the base for "") on a test set."""

    run: str
    task: str
    dataset: str = ""


@st.cache_resource(show_spinner=False)
def kept() -> dict[tuple[str, Asked], list[Row]]:
    """Finished measurements of this server. Greedy answers do not change, so all readers share them."""
    return {}


def run_title(run: Run) -> str:
    """A run in a few words: LoRA on sentiment (531029)."""
    method = run.config_dict["method"]["name"]
    return (
        f"{METHOD_TITLES.get(method, method)} on {run.config_dict['data']['task']} ({run.id[-6:]})"
    )


def ended_runs() -> dict[str, str]:
    """The latest runs that are over, newest first, each with its title."""
    ended = [run for run in store().runs() if run.status.is_over]
    return {run.id: run_title(run) for run in ended[:MOST_RUNS]}


def models() -> dict[str, str]:
    """The untouched model and the runs whose weights are here, newest first, each with its title."""
    found = {"": UNTOUCHED}
    for run in store().runs():
        if len(found) > MOST_RUNS:
            break
        is_ours = run.status.is_over and run.config_dict["model"] == catalog.DEFAULT_MODEL
        if is_ours and store().size_bytes(run.id):
            found[run.id] = run_title(run)
    return found


def choose_model(label: str, *, key: str, default: int = 0) -> str:
    """A model by its run id; "" for the base."""
    titles = models()
    return st.selectbox(
        label,
        list(titles),
        min(default, len(titles) - 1),
        format_func=titles.__getitem__,
        key=key,
        bind="query-params",
    )


def choose_test_set() -> tuple[str, str]:
    """A task, or an uploaded file by its address, which stands in the URL."""
    titles = {t.id: t.title for t in catalog.TASKS.values()} | {
        catalog.CUSTOM_TASK: "Your own file"
    }
    task = st.selectbox(
        "Test set",
        list(titles),
        format_func=titles.__getitem__,
        key="evaluation_task",
        bind="query-params",
    )
    if task != catalog.CUSTOM_TASK:
        return task, ""
    dataset = choose_file(key="evaluation", url="tests")
    if dataset:
        check_file(dataset)
    else:
        st.caption(
            'One pair per line: {"prompt": "2 + 2 =", "completion": "4"}. Nothing leaves this machine.'
        )
    return task, dataset


def check_file(dataset: str) -> None:
    """`UserError` when a prompt of an uploaded file leaves no room for its answer."""
    source, examples = uploads.source(dataset), examples_of("custom", uploads.load(dataset))
    numbers = source.lines or range(1, len(examples) + 1)
    numbered = [replace(e, number=n) for e, n in zip(examples, numbers, strict=False)]
    check_test_pairs(numbered, tokenizer(), what=source.name, word=source.word)


def collect(operation: str, asked: Asked, *, label: str, key: str) -> list[Row]:
    """Rows of a measurement: those kept, or asked for at the press of a button, with progress.

    Any click stops it; what has come by then is shown.
    """
    if (operation, asked) in kept():
        return kept()[operation, asked]
    partial: Row = st.session_state.setdefault(f"{key}_partial", {})
    if partial.get("asked") != asked:
        partial.clear()
    go, halt = st.columns([2, 1])
    clicked = go.button(label, type="primary", key=f"{key}_start", width="stretch")
    halt.button("Stop", key=f"{key}_stop", width="stretch")  # any click ends the loop below
    place = st.empty()
    if clicked:
        partial.clear()
        partial |= {"asked": asked, "rows": [], "of": 0}
        place.progress(0.0, text="Waiting for the model")
        asking = engine().ask(operation, beat=True, model=catalog.DEFAULT_MODEL, **asdict(asked))
        for message in asking:
            if "rows" in message:
                partial["rows"] += message["rows"]
                partial["of"] = message["of"]
            if of := partial["of"]:  # redrawn every second: this is where a click stops the loop
                n = len(partial["rows"])
                place.progress(n / of, text=f"{n} of {of} examples")
            else:
                place.progress(0.0, text="Waiting for the model")
        while len(kept()) >= MOST_KEPT:
            kept().pop(next(iter(kept())), None)
        rows = sorted(partial["rows"], key=lambda row: row["number"])
        kept()[operation, asked] = rows
        partial.clear()
        st.rerun()
    if partial:
        n, of = len(partial["rows"]), partial["of"]
        st.caption(
            f"Stopped after {n} of {of} examples; the figures are of these."
            if n
            else "Stopped before the first answer."
        )
    return sorted(partial.get("rows", []), key=lambda row: row["number"])


def choose_measure(task: str) -> str:
    """What counts as the score of an answer."""
    return st.selectbox(
        "Score answers by",
        list(MEASURES),
        list(MEASURES).index(usual_measure(task)),
        format_func=MEASURES.__getitem__,
        key=f"evaluation_measure_{task}",
        bind="query-params",
    )


def show_summary(rows: Sequence[Row], measure: str) -> None:
    """The mean of the chosen measure with its interval, and the others beside it."""
    found = summary(rows)
    low, high = found[measure]["interval"]
    name = MEASURES[measure]
    st.markdown(
        f"**{name[0].upper()}{name[1:]} {found[measure]['score']:.2f}** [{low:.2f}, {high:.2f}] on "
        f"{len(rows)} test examples"
    )
    others = [f"{MEASURES[m]} {v['score']:.2f}" for m, v in found.items() if m != measure]
    st.caption(f"By other measures: {', '.join(others)}.")


def show_examples(rows: Sequence[Row], measure: str) -> None:
    """Every answer: filter, search, sort, download."""
    left, middle, right = st.columns(3)
    which = left.segmented_control(
        "Show",
        ["all", "wrong", "right"],
        default="wrong",
        required=True,
        key="evaluation_which",
        bind="query-params",
    )
    words = middle.text_input("Search", key="evaluation_search", bind="query-params")
    orders = {"number": "their number", "score": "score, worst first", "output": "answer"}
    order = right.selectbox(
        "Sort by", list(orders), format_func=orders.__getitem__, key="evaluation_order"
    )
    shown = filtered(rows, measure, which=which, words=words, order=order)
    st.dataframe(example_table(shown, measure), hide_index=True, width="stretch", height=320)
    note = "" if measure in BINARY else f" Wrong here means a score below {RIGHT_FROM}."
    st.caption(f"{len(shown)} of {len(rows)} examples.{note}")
    st.download_button(
        "Download these as CSV", to_csv(shown), "answers.csv", "text/csv", key="evaluation_download"
    )


def filtered(rows: Sequence[Row], measure: str, *, which: str, words: str, order: str) -> list[Row]:
    """The rows wanted, in the order wanted."""
    wanted = words.casefold().strip()
    found = [
        row
        for row in rows
        if (which == "all" or is_wrong(row, measure) == (which == "wrong"))
        and any(
            wanted in row[part].casefold() for part in ("prompt", "reference", "output", "tags")
        )
    ]
    by = measure if order == "score" else order
    return sorted(found, key=lambda row: (row[by], row["number"]))


def example_table(rows: Sequence[Row], measure: str) -> pd.DataFrame:
    """The rows as a reader sees them; what all prompts begin with is left out."""
    columns = ["number", "score", "right answer", "answer", "prompt"]
    shared = shared_words([row["prompt"] for row in rows])
    return pd.DataFrame(
        [
            {
                "number": row["number"],
                "score": round(row[measure], 3),
                "right answer": row["reference"],
                "answer": row["output"],
                "prompt": ("… " if shared else "") + row["prompt"][shared:],
            }
            for row in rows
        ],
        columns=columns,
    )
