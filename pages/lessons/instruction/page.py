"""Lesson: instruction fine-tuning, from prompt-completion pairs to a tuned model."""

from contextlib import suppress
from dataclasses import replace

import streamlit as st

from core import catalog
from core.config import DataConfig, RunConfig
from core.course.lessons import name_of
from core.data import uploads
from core.data.encode import encode
from core.data.examples import CUSTOM_TEMPLATE, Splits, load_splits, says_its_parts
from core.data.run_data import load_run_data
from core.errors import UserError
from core.generate.settings import SamplingSettings
from core.runs.messages import Generate, Losses
from core.runs.states import RunStatus
from core.train.phases import MarkedToken
from pages.lessons.instruction.results import (
    GUESSES,
    first_screen,
    run_results,
    trained_task_prompt,
)
from pages.lessons.instruction.settings import run_settings
from pages.lessons.instruction.stepping import FORWARD, source_of, step_through
from pages.shared.cards import Card, show_cards
from pages.shared.engine import current_model, engine, model_ready, require_model, store, tokenizer
from pages.shared.layout import ask_guess, experiment
from pages.shared.own_pairs import choose_file, edit_pairs, take_over_edits
from pages.shared.run_button import run_button, run_in_url
from pages.shared.tokens import show_marked

TRAINABLE = [task for task in catalog.TASKS.values() if "train" in task.splits]
TITLES = {task.id: task.title for task in TRAINABLE} | {catalog.CUSTOM_TASK: "Your own pairs"}

REVIEW = (
    "Is this review positive or negative? Answer with one word.\n\nReview: "
    "The soup was cold and the waiter laughed at us."
)


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
            'One pair per line: {"prompt": "2 + 2 =", "completion": "4"}. Other columns and shapes '
            "are read, too, and shown before they are used."
        )
    return task, dataset


def choose_data(task: str, dataset: str) -> DataConfig:
    """The pairs with their template."""
    if dataset:
        uploads.load(dataset)
        template = template_for(CUSTOM_TEMPLATE, dataset)
        return DataConfig(task=task, dataset=dataset, template=template)
    known = catalog.find_task(task)
    template = template_for(known.template, task)
    if known.wordings and not template:
        with st.expander(f"This task is asked in {1 + len(known.wordings)} wordings"):
            st.caption(
                "So that the model learns the task, not one sentence. A record always takes the "
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
    is_said = bool(data.dataset) and says_its_parts(uploads.load(data.dataset))
    share = left.slider(
        "Share kept for validation",
        0.0,
        0.5,
        data.validation_share,
        0.05,
        key="instruction_validation",
        bind="query-params",
        disabled=is_said,
        help="These pairs say themselves where they belong." if is_said else None,
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
        st.caption(note)
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


def unseen_pair(run_id: str) -> tuple[str, str]:
    """A test prompt of a run, which it was not trained on, and its right answer where that is known."""
    data = store().get(run_id).config.data
    if data.task == "sentiment" and not data.template:
        return REVIEW, "negative"
    if data.task == catalog.CUSTOM_TASK:
        with suppress(UserError):  # the file may be gone
            first = load_splits(data, seed=store().get(run_id).config.seed).test[0]
            return first.prompt, first.completion
    return trained_task_prompt(run_id) or REVIEW, ""


def compare(run_id: str) -> None:
    """Base and tuned model answer the same prompt: one that was not trained on at once, then any other."""
    st.subheader("Ask both: before and after")
    prompt, right = unseen_pair(run_id)
    text = st.text_area(
        "A prompt that was not in training; change it as you like",
        prompt,
        key=f"instruction_ask_{run_id}",
        height=110,
    )
    kept: dict[str, tuple[str, str]] = st.session_state.setdefault("instruction_answers", {})
    asked = f"{run_id} {text}"
    run = store().get(run_id)
    has_weights = run.status is RunStatus.FINISHED and run.summary.artifact_bytes > 0
    answers_by_itself = text == prompt and asked not in kept and has_weights
    if st.button("Ask both", key="instruction_ask_both") or answers_by_itself:
        try:
            with st.spinner("Both are answering …"):
                kept[asked] = (_answer(text, "", run_id), _answer(text, run_id, run_id))
        except UserError as error:
            st.error(str(error))
            return
    if asked in kept:
        answers = [*zip(("before", "after"), kept[asked], strict=True)]
        show_cards([Card(prompt=text, answers=answers, right=right if text == prompt else "")])


def _answer(text: str, run: str, run_id: str) -> str:
    asked = Generate(
        model=store().get(run_id).config.model,
        text=text,
        run=run,
        settings=SamplingSettings(max_new_tokens=48),
    )
    said = ""
    for message in engine().ask(asked):
        said = message.token.text
    return said


def lesson() -> None:
    """The experiment on the first screen; below it the pairs, the loop, and a question to both models."""
    left, right = experiment()
    if not model_ready():
        with right:
            first_screen()
    with left:
        require_model()
        task, dataset = choose_dataset()
        guess = ask_guess(
            "the right token starts at about 11 %. Where will 20 steps bring it?",
            GUESSES,
            key="instruction_guess",
        )
        button = st.container()
        settings = st.container()
    below = st.container()
    if task == catalog.CUSTOM_TASK and not dataset:
        with button:
            run_id = run_in_url("run")
        with right:
            run_results(run_id, guess) if run_id else first_screen()
        return
    with below:
        st.header("1 · Pairs and template")
        data, splits = pairs(task, dataset)
    with settings:
        config = run_settings(data)
        st.caption(epochs(config, len(splits.train)))
    with button:
        run_id = run_button(config, "Run", key="instruction_run", name="run")
    with right:
        if run_id:
            run_results(run_id, guess)
        else:
            first_screen()
    with below:
        if run_id and store().get(run_id).status in (RunStatus.FINISHED, RunStatus.STOPPED):
            with right:
                compare(run_id)
        st.header("2 · The loop, one phase at a time")
        step_through(config)
        sources()


def pairs(task: str, dataset: str) -> tuple[DataConfig, Splits]:
    """The pairs in use: template, split, table, and one as the model reads it."""
    st.markdown(
        "This is **supervised** learning: every prompt comes with its label, and here the label is the "
        "completion. There are two kinds of instruction tuning: on **one task**, as on this page, where all "
        f"prompts ask for the same thing, and on **many tasks**, as in {name_of('multitask')} and as its "
        "makers did it, so that the model follows instructions at large."
    )
    data = choose_split(choose_data(task, dataset))
    splits = load_splits(data, seed=0)
    record = splits.train[0].fields
    fields = [name for name in record if name not in ("completion", "tags", "split")]
    st.caption("Fields: " + ", ".join(f"{{{name}}}" for name in fields))
    browse(data, splits)
    load_run_data(RunConfig(data=data), tokenizer())  # says what is too long, below the table
    preview(data, splits)
    return data, splits


def sources() -> None:
    """The code that really runs."""
    with st.expander("The loop that really runs here"):
        st.code(source_of("core/train/loop.py", "take_step"), language="python")
    with st.expander("The forward pass of a tree"):
        st.code(source_of("core/models/forward.py", *FORWARD), language="python")
        st.caption(
            "From a batch’s tokens to its logits, with the model’s own layers. Where it can, "
            "`core/models/fused` computes the same faster."
        )


st.title("Instruction fine-tuning")
st.markdown(
    "Show a model prompts together with the completions you want, and move its weights until "
    "those completions are likely. That is all fine-tuning is."
)
lesson()
