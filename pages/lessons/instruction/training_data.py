"""The pairs of the experiment: which task or file, template, split, the table, and one as the model reads it."""

from dataclasses import replace

import streamlit as st

from core import catalog
from core.config import DataConfig, RunConfig
from core.course.lessons import name_of
from core.data.encode import encode
from core.data.examples import CUSTOM_TEMPLATE, Splits, load_splits, says_its_parts
from core.data.run_data import load_run_data
from core.runs.messages import Losses
from core.train.phases import MarkedToken
from pages.shared.engine import current_model, engine, model_ready, tokenizer
from pages.shared.own_pairs import choose_file, edit_pairs, take_over_edits
from pages.shared.plain import plain
from pages.shared.prepare import ask_for_model
from pages.shared.tokens import show_marked
from pages.shared.uploads import load_pairs

TRAINABLE = [task for task in catalog.TASKS.values() if "train" in task.splits]
TITLES = {task.id: task.title for task in TRAINABLE} | {catalog.CUSTOM_TASK: "Your own pairs"}


def choose_dataset() -> tuple[str, str]:
    """The task to learn, and for own pairs the address of those in use; "" while there are none."""
    take_over_edits()
    task = st.selectbox(
        "Learn from",
        list(TITLES),
        format_func=TITLES.__getitem__,
        key="instruction_task",
        bind="query-params",
    )
    if task != catalog.CUSTOM_TASK:
        return task, ""
    dataset = choose_file(key="instruction", url="dataset")
    if not dataset:
        st.caption(
            "Upload a file, or edit the pairs of another dataset. "
            'One pair per line: {"prompt": "2 + 2 =", "completion": "4"}. Other columns and layouts '
            "are read, too, and shown before they are used."
        )
    return task, dataset


def choose_data(task: str, dataset: str) -> DataConfig:
    """The pairs with their template."""
    if dataset:
        load_pairs(dataset)
        template = template_for(CUSTOM_TEMPLATE, dataset)
        return DataConfig(task=task, dataset=dataset, template=template)
    known = catalog.find_task(task)
    template = template_for(known.template, task)
    if known.wordings and not template:
        with st.expander(f"This task is asked in {1 + len(known.wordings)} wordings"):
            st.caption(
                "So that the model learns the task, not one sentence. Each record always gets the "
                "same one. A template of your own replaces them all."
            )
            for wording in (known.template, *known.wordings):
                st.code(wording, language=None, wrap_lines=True)
    return DataConfig(task=task, template=template)


def template_for(default: str, name: str) -> str:
    written = st.text_area(
        "Template: {field} placeholders are filled from each record",
        default,
        key=f"instruction_template_{name}",
        bind="query-params",
        height=110,
    )
    return "" if written == default else written


def choose_split(data: DataConfig) -> DataConfig:
    """How the pairs are divided. Test pairs are never trained on."""
    left, right = st.columns(2)
    is_said = bool(data.dataset) and says_its_parts(load_pairs(data.dataset))
    share = left.slider(
        "Share kept for validation",
        0.0,
        0.5,
        data.validation_share,
        0.05,
        key="instruction_validation",
        bind="query-params",
        disabled=is_said,
        help="The file itself says which pairs are for training, validation and test."
        if is_said
        else None,
    )
    n_train = right.number_input(
        "Training pairs to use (0 takes all)",
        0,
        100_000,
        0,
        key="instruction_train_examples",
        bind="query-params",
    )
    st.caption(
        "Three parts, three jobs. **Training** pairs move the weights. **Validation** pairs do not: when "
        "the loss on them rises while the training loss still falls, the model learns its training pairs by "
        "heart, which is **overfitting**. **Test** pairs give the score, once, at the end: whoever chooses "
        "settings by the validation pairs has already used those."
    )
    return replace(data, validation_share=share, train_examples=n_train)


def browse(data: DataConfig, splits: Splits) -> None:
    """How the pairs are divided, what was found in them, and a table to edit them."""
    a, b, c = st.columns(3)
    a.metric("Training pairs", len(splits.train))
    b.metric("Validation pairs", len(splits.validation))
    c.metric("Test pairs", len(splits.test))
    for note in splits.notes:
        st.caption(plain(note))
    edit_pairs(data)


def preview(data: DataConfig, splits: Splits) -> None:
    """One pair as the model reads it; blue tokens are those the loss sees."""
    which = st.slider("Pair", 1, min(50, len(splits.train)), 1, key="instruction_pair")
    example = splits.train[which - 1]
    pair = encode(example, tokenizer())
    pieces = tokenizer().pieces(pair.ids)
    seen = [label != -100 for label in pair.labels]
    tokens = [MarkedToken(token=p, seen=s) for p, s in zip(pieces, seen, strict=True)]
    if st.toggle("Measure the base model's loss on it", key="instruction_losses"):
        asked = Losses(
            model=current_model().id, prompt=example.prompt, completion=example.completion
        )
        (answer,) = engine().ask(asked)
        tokens = answer.tokens
    show_marked(tokens, label="The pair token by token; the loss sees the completion")
    st.caption(
        f"{len(pieces)} tokens. The loss sees the {sum(seen)} blue ones: the completion and the "
        "token that ends it. The grey prompt is read, but never a target."
    )


def epochs(config: RunConfig, n_train: int) -> str:
    """How often a run sees its pairs."""
    seen = config.optimizer.steps * config.optimizer.batch_size
    return (
        f"{config.optimizer.steps} steps of {config.optimizer.batch_size} pairs: {seen} of "
        f"{n_train} training pairs, {seen / n_train:.2g} epochs (an **epoch** sees each once)."
        if seen <= n_train
        else f"{config.optimizer.steps} steps of {config.optimizer.batch_size} pairs: all {n_train} "
        f"training pairs {seen / n_train:.2g} times, which is {seen / n_train:.2g} **epochs**."
    )


def pairs(task: str, dataset: str) -> tuple[DataConfig, Splits]:
    """The pairs in use: template, split, table, and one as the model reads it."""
    st.markdown(
        "This is **supervised** learning: every prompt comes with its label, and here the label is the "
        "completion. There are two kinds of instruction tuning: on **one task**, as on this page, where all "
        f"prompts ask for the same thing, and on **many tasks**, as in {name_of('multitask')} and as the "
        "model’s makers did it, so that the model follows instructions at large."
    )
    data = choose_split(choose_data(task, dataset))
    splits = load_splits(data, seed=0)
    record = splits.train[0].fields
    fields = [name for name in record if name not in ("completion", "tags", "split")]
    st.caption("Fields: " + ", ".join(f"{{{name}}}" for name in fields))
    browse(data, splits)
    if model_ready():
        load_run_data(RunConfig(data=data), tokenizer())  # says what is too long, below the table
        preview(data, splits)
    else:
        ask_for_model("See a pair as the model reads it", key="instruction_preview")
    return data, splits
