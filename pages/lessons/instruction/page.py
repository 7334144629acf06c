"""Lesson: instruction fine-tuning, from prompt-completion pairs to a tuned model."""

from dataclasses import replace

import streamlit as st

from core import catalog
from core.config import DataConfig, RunConfig
from core.data import uploads
from core.data.encode import encode
from core.data.examples import CUSTOM_TEMPLATE, Splits, load_splits, says_its_parts
from core.data.run_data import load_run_data
from core.events import Sample
from core.generate.settings import SamplingSettings
from core.runs.messages import Generate, Losses
from core.runs.states import RunStatus
from core.train.phases import MarkedToken
from pages.lessons.instruction.stepping import FORWARD, PSEUDOCODE, source_of, step_through
from pages.shared.engine import current_model, engine, events_of, require_model, store, tokenizer
from pages.shared.live import run_view
from pages.shared.own_pairs import choose_file, edit_pairs, take_over_edits
from pages.shared.plain import plain, quoted
from pages.shared.run_button import run_in_url, say_active, start_button
from pages.shared.settings import run_settings
from pages.shared.tokens import show_marked

TRAINABLE = [task for task in catalog.TASKS.values() if "train" in task.splits]
TITLES = {task.id: task.title for task in TRAINABLE} | {catalog.CUSTOM_TASK: "Your own pairs"}

REVIEW = (
    "Is this review positive or negative? Answer with one word.\n\nReview: "
    "The soup was cold and the waiter laughed at us."
)


def choose_data() -> DataConfig:
    """Which pairs to learn from: a built-in task, or an upload or edit, named in the URL."""
    take_over_edits()
    task = st.segmented_control(
        "Dataset",
        list(TITLES),
        format_func=TITLES.__getitem__,
        default="sentiment",
        required=True,
        key="instruction_task",
        bind="query-params",
    )
    if task != catalog.CUSTOM_TASK:
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
    dataset = choose_file(key="instruction", url="dataset")
    if not dataset:
        st.caption(
            "Upload a file, or edit the pairs of another dataset. "
            'One pair per line: {"prompt": "2 + 2 =", "completion": "4"}. Other columns and shapes '
            "are read, too, and shown before they are used."
        )
        st.stop()
    uploads.load(dataset)
    return DataConfig(task=task, dataset=dataset, template=template_for(CUSTOM_TEMPLATE, dataset))


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


def current_run() -> str:
    """The run in the URL, else one that is in progress now: a reload or a second screen finds it."""
    if wanted := run_in_url("run"):
        return wanted
    running = [run.id for run in store().active() if run.status is RunStatus.RUNNING]
    return running[0] if running else ""


def start(config: RunConfig) -> None:
    """The run button, and the offer of an equal run that is finished already."""
    done = store().find_finished(config)
    label = "Run again" if done else "Run"
    go, show = st.columns(2)
    with go:
        if start_button(config, label, key="instruction_run"):
            st.query_params["run"] = engine().submit(config).id
            st.rerun()
    if done and show.button("Show the finished run", key="instruction_show", width="stretch"):
        st.query_params["run"] = done.id
        st.rerun()
    say_active(config)
    if done:
        st.caption("A run with exactly these settings is finished already on this machine.")


def first_asked(run_id: str) -> str:
    """The first test prompt that a run was watched on, whatever its task."""
    asked = (e.prompt for e in events_of(run_id) if isinstance(e, Sample) and e.task)
    return next(asked, REVIEW)


def compare(run_id: str) -> None:
    """Base and tuned model answer the same prompt."""
    st.header("Before and after")
    task = store().get(run_id).config_dict["data"]["task"]
    text = st.text_area(
        "Ask both models",
        REVIEW if task == "sentiment" else first_asked(run_id),
        key="instruction_ask" if task == "sentiment" else f"instruction_ask_{run_id}",
        bind="query-params",
    )
    if not st.button("Ask both", key="instruction_ask_both"):
        return
    sides = zip(st.columns(2), (("Base model", ""), ("Tuned model", run_id)), strict=True)
    for column, (title, run) in sides:
        column.markdown(f"**{title}**")
        place = column.empty()
        asked = Generate(
            model=store().get(run_id).config.model,
            text=text,
            run=run,
            settings=SamplingSettings(max_new_tokens=48),
        )
        for message in engine().ask(asked):
            place.markdown(quoted(message.token.text))


def lesson() -> None:
    st.header("1 · Pairs and template")
    data = choose_split(choose_data())
    splits = load_splits(data, seed=0)
    record = splits.train[0].fields
    fields = [name for name in record if name not in ("completion", "tags", "split")]
    st.caption("Fields: " + plain(", ".join(f"{{{name}}}" for name in fields)))
    browse(data, splits)
    load_run_data(RunConfig(data=data), tokenizer())  # says what is too long, below the table
    preview(data, splits)
    st.header("2 · The loop, one phase at a time")
    left, right = st.columns(2)
    left.markdown("**The classical loop**, PyTorch-style")
    left.code(PSEUDOCODE, language="python")
    with left.expander("The loop that really runs here"):
        st.code(source_of("core/train/loop.py", "take_step"), language="python")
    with left.expander("The forward pass of a tree"):
        st.code(source_of("core/models/forward.py", *FORWARD), language="python")
        st.caption(
            "From a batch’s tokens to its logits, with the model’s own layers. Where it can, "
            "`core/models/fused` computes the same faster."
        )
    stepper = right.container()
    st.header("3 · Run")
    config = run_settings(data)
    with stepper:
        step_through(config)
    start(config)
    run_id = current_run()
    if not run_id:
        st.caption("Press Run: the curves appear here within seconds and grow while it trains.")
        return
    run_view(run_id)
    if store().get(run_id).status in (RunStatus.FINISHED, RunStatus.STOPPED):
        compare(run_id)


st.title("Instruction fine-tuning")
st.markdown(
    "Show a model prompts together with the completions you want, and move its weights until "
    "those completions are likely. That is all fine-tuning is."
)
require_model()
lesson()
