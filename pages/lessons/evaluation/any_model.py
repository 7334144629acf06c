"""Any model on any test set: choose both, and show every answer."""

from collections.abc import Sequence
from dataclasses import asdict, replace

import pandas as pd
import streamlit as st

from core import catalog
from core.data import uploads
from core.data.examples import CUSTOM_TEMPLATE, Example
from core.data.lengths import check_test_pairs
from core.evaluate.examples import (
    MEASURES,
    RIGHT_FROM,
    Judged,
    examples_of,
    is_wrong,
    summary,
    to_csv,
    usual_measure,
)
from core.evaluate.limits import cut_line
from core.evaluate.overlap import WORDS_ONLY
from core.evaluate.own_pairs import own_examples, template_of, trained_line
from core.runs.messages import ModelOnTestSet
from core.runs.names import run_name
from core.runs.store import Run
from pages.lessons.evaluation.collect import Found
from pages.shared.cards import shared_words
from pages.shared.engine import current_model, model_ready, store, tokenizer
from pages.shared.one_of import one_of
from pages.shared.own_pairs import choose_file
from pages.shared.plain import plain
from pages.shared.uploads import load_pairs

BASE_MODEL = "the base model"
MOST_RUNS = 30
BINARY = ("exact_match", "contains")
OVERLAPS = ("f1", "rouge_2", "rouge_l")
SHARES = {"all": "all", "wrong": f"below {RIGHT_FROM}", "right": f"{RIGHT_FROM} or more"}
"""Where a score is a share, a high one is not called right."""
OWN_PAIRS = "own"


def run_title(run: Run) -> str:
    """A run's name, and the end of its id: runs of equal settings have equal names."""
    return f"{run_name(run.config_dict)} ({run.id[-6:]})"


def ended_runs() -> dict[str, str]:
    """The latest runs that are over, newest first, each with its title."""
    ended = [run for run in store().runs() if run.status.is_over]
    return {run.id: run_title(run) for run in ended[:MOST_RUNS]}


def models() -> dict[str, str]:
    """The base model and the runs whose weights are here, newest first, each with its title."""
    found = {"": BASE_MODEL}
    for run in store().runs():
        if len(found) > MOST_RUNS:
            break
        is_ours = run.status.is_over and run.unchecked_config.model == current_model().id
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


def choose_test_set(run: str) -> ModelOnTestSet | None:
    """A task, the own test pairs of a run on own data, or an uploaded file; None while there is no file.

    The file's address stands in the URL.
    """
    config = store().get(run).config if run else None
    titles = {t.id: t.title for t in catalog.TASKS.values()} | {
        catalog.CUSTOM_TASK: "Your own file"
    }
    if config and config.data.task == catalog.CUSTOM_TASK:
        titles = {OWN_PAIRS: "Its own test pairs"} | titles
    task = st.selectbox(
        "Test set",
        list(titles),
        format_func=titles.__getitem__,
        key="evaluation_task" if OWN_PAIRS not in titles else "evaluation_own_task",
        bind="query-params",
    )
    if task == OWN_PAIRS:
        st.caption("Pairs the run was tested on, asked in its own template.")
        return ModelOnTestSet(
            model=current_model().id, run=run, task=catalog.CUSTOM_TASK, pairs_of=run
        )
    template = template_of(config, task) if config else ""
    if task != catalog.CUSTOM_TASK:
        if template:
            st.caption(f"Asked in the run's own template: “{plain(template)}”")
        return ModelOnTestSet(model=current_model().id, run=run, task=task, template=template)
    dataset = choose_file(key="evaluation", url="tests")
    if dataset:
        check_file(dataset)
    else:
        st.caption(
            'One pair per line: {"prompt": "2 + 2 =", "completion": "4"}. Nothing leaves this machine.'
        )
        return None
    usual = template or CUSTOM_TEMPLATE
    form = st.text_input("Template", usual, key=f"evaluation_template_{run}") or usual
    return ModelOnTestSet(
        model=current_model().id, run=run, task=task, dataset=dataset, template=form
    )


def check_file(dataset: str) -> None:
    """`UserError` when a prompt of an uploaded file leaves no room for its answer."""
    source, examples = uploads.source(dataset), examples_of("custom", load_pairs(dataset))
    numbers = source.lines or range(1, len(examples) + 1)
    numbered = [replace(e, number=n) for e, n in zip(examples, numbers, strict=False)]
    if model_ready():
        check_test_pairs(numbered, tokenizer(), what=source.name, word=source.word)


def examples_asked(asked: ModelOnTestSet) -> list[Example]:
    """The examples of a test set."""
    if asked.pairs_of:
        return own_examples(store().get(asked.pairs_of).config, asked.task)
    records = load_pairs(asked.dataset) if asked.dataset else ()
    return examples_of(asked.task, records, template=asked.template)


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


def show_summary(found: Found[Judged], measure: str) -> None:
    """The mean of the chosen measure with its interval, the others beside it, and what limits them."""
    means, n = summary(found.rows), len(found.rows)
    low, high = means[measure].interval
    name = MEASURES[measure]
    st.markdown(
        f"**{name[0].upper()}{name[1:]} {means[measure].score:.2f}** [{low:.2f}, {high:.2f}] on "
        f"{n} test examples"
    )
    others = [f"{MEASURES[m]} {v.score:.2f}" for m, v in means.items() if m != measure]
    st.caption(f"By other measures: {', '.join(others)}.")
    show_limits(found)


def show_limits(found: Found[Judged]) -> None:
    """How many answers were cut, and how many examples the run had trained on."""
    n, n_cut = len(found.rows), sum(row.cut for row in found.rows)
    cut = cut_line(n_cut, n, limit=found.max_new_tokens)
    for line in (trained_line(found.n_trained_on, n), f"{cut}." if cut else ""):
        if line and n:
            st.caption(line)


def show_examples(rows: Sequence[Judged], measure: str) -> None:
    """Every answer: filter, search, sort, download."""
    left, middle, right = st.columns(3)
    is_binary = measure in BINARY
    which = one_of(
        left.segmented_control,
        "Show",
        ["all", "wrong", "right"],
        format_func=str if is_binary else SHARES.__getitem__,
        default="wrong",
        key="evaluation_which" if is_binary else "evaluation_share",
        bind="query-params",
    )
    words = middle.text_input("Search", key="evaluation_search", bind="query-params")
    orders = {"number": "their number", "score": "score, worst first", "output": "answer"}
    order = right.selectbox(
        "Sort by", list(orders), format_func=orders.__getitem__, key="evaluation_order"
    )
    shown = filtered(rows, measure, which=which, words=words, order=order)
    st.dataframe(example_table(shown, measure), hide_index=True, width="stretch", height=320)
    note = f" {WORDS_ONLY}" if measure in OVERLAPS else ""
    st.caption(f"{len(shown)} of {len(rows)} examples.{note}")
    st.download_button(
        "Download these as CSV",
        to_csv([asdict(row) for row in shown]),
        "answers.csv",
        "text/csv",
        key="evaluation_download",
    )


def filtered(
    rows: Sequence[Judged], measure: str, *, which: str, words: str, order: str
) -> list[Judged]:
    """The rows wanted, in the order wanted."""
    wanted = words.casefold().strip()
    found = [
        row
        for row in rows
        if (which == "all" or is_wrong(row, measure) == (which == "wrong"))
        and any(
            wanted in getattr(row, part).casefold()
            for part in ("prompt", "reference", "output", "tags")
        )
    ]
    by = measure if order == "score" else order
    return sorted(found, key=lambda row: (getattr(row, by), row.number))


def example_table(rows: Sequence[Judged], measure: str) -> pd.DataFrame:
    """The rows as a reader sees them; what all prompts begin with is left out."""
    columns = ["number", "score", "right answer", "answer", "cut", "prompt"]
    shared = shared_words([row.prompt for row in rows])
    return pd.DataFrame(
        [
            {
                "number": row.number,
                "score": round(getattr(row, measure), 3),
                "right answer": row.reference,
                "answer": row.output,
                "cut": row.cut,
                "prompt": ("… " if shared else "") + row.prompt[shared:],
            }
            for row in rows
        ],
        columns=columns,
    )
