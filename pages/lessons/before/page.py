"""Lesson: before fine-tuning. Tasks, prompting, and where the next token comes from."""

import streamlit as st

from core import catalog
from core.course import content
from core.data.examples import task_examples
from core.data.lengths import check_length
from core.data.shots import with_shots
from core.errors import UserError
from core.generate.settings import SamplingSettings
from core.train.phases import MarkedToken
from pages.lessons.before.prompting import SHOTS, answer, look_ahead
from pages.lessons.before.report import lab_report
from pages.lessons.before.sampling import sampling_panel
from pages.lessons.before.three_answers import three_answers
from pages.shared.engine import current_model, model_ready, tokenizer
from pages.shared.one_of import one_of
from pages.shared.plain import plain
from pages.shared.predict import show_outcome
from pages.shared.prepare import ask_for_model
from pages.shared.thread import begin, end
from pages.shared.tokens import show_marked

COURSE = content.lesson("before")


def choose_task() -> str:
    titles = {task.id: task.title for task in catalog.TASKS.values()}
    return one_of(
        st.segmented_control,
        "Task",
        list(titles),
        format_func=titles.__getitem__,
        default="sentiment",
        key="before_task",
        bind="query-params",
    )


def show_task(task: str) -> None:
    """One example of a task, and what the base model says to it."""
    examples = task_examples(task, "test")
    st.caption(catalog.find_task(task).summary)
    which = st.slider(
        "Example", 1, min(40, len(examples)), 1, key="before_example", bind="query-params"
    )
    example = examples[which - 1]
    left, right = st.columns(2)
    left.markdown("**Prompt**")
    left.code(example.prompt, language=None, wrap_lines=True)
    right.markdown("**The completion we want**")
    right.code(example.completion, language=None)
    with right:
        short = SamplingSettings(max_new_tokens=40)
        answer("before_try", text=example.prompt, settings=short, label="Try it")


def compose(task: str, side: str = "") -> tuple[str, bool]:
    """The prompt box: shots build it visibly, the reader may change it. Returns (text, raw)."""
    question = task_examples(task, "test")[3]
    split = "train" if "train" in catalog.find_task(task).splits else "test"
    pool = [e for e in task_examples(task, split)[:12] if e.prompt != question.prompt]
    chosen = one_of(
        st.segmented_control,
        "Examples in the prompt",
        list(SHOTS),
        default="Zero-shot",
        key=f"before_shots{side}",
        bind="query-params",
        wrap=True,
    )
    text = st.text_area(
        "Prompt",
        with_shots(question, pool[: SHOTS[chosen]]),
        key=f"before_prompt{side}_{task}_{SHOTS[chosen]}",
        bind="query-params",
        height=220,
    )
    raw = st.toggle(
        "Raw completion (no chat template)",
        key=f"before_raw{side}",
        bind="query-params",
        help="With the template the model sees a user's turn and answers it. Raw, it just goes on.",
    )
    return text, raw


def show_tokens(text: str, raw: bool, side: str = "") -> None:
    """What the model reads, token by token; blue is what you typed, grey the chat template."""
    if not text.strip():
        return
    if not model_ready():
        ask_for_model("See what the model reads, token by token", key=f"before_tokens{side}")
        return
    try:
        ids = tokenizer().ask(text, raw=raw)
        check_length(ids, tokenizer(), 1)
    except UserError as error:
        st.error(plain(str(error)))
        return
    rows = [
        MarkedToken(token=piece, seen=typed)
        for piece, typed in zip(
            tokenizer().pieces(ids), tokenizer().typed(text, raw=raw), strict=True
        )
    ]
    with st.expander(f"What the model reads: {len(ids)} tokens", expanded=True):
        st.caption("A token is a word or a piece of one: the unit that a model reads and writes.")
        show_marked(rows, label="The prompt token by token", hints=("your words", "the template"))


def terms() -> None:
    """What base, pretrained, instruction-tuned and 4-bit-rounded mean here."""
    model = current_model()
    with st.expander("Base, pretrained, instruction-tuned: which model is this?", expanded=True):
        st.markdown(
            f"**Pretrained**: trained on text alone, to predict the next token. Such a model completes; it does "
            f"not answer. **Instruction-tuned**: a pretrained model, tuned on pairs of a prompt and a good "
            f"answer; {model.title} is one. **Base model**: whatever a tuning starts from. On these pages that is "
            f"{model.title}, with its makers’ tuning and none of ours. Raw completion above is the same model "
            "without its template: the closest it comes to its pretraining."
        )
        st.caption(f"**4-bit-rounded**: {model.rounding}")


begin(COURSE)
if three_answers(COURSE):
    show_outcome(COURSE)
terms()
st.header("Tasks you could tune for")
task = choose_task()
show_task(task)
st.header("Prompt the model")
two = st.toggle("Two prompts or settings side by side", key="before_two", bind="query-params")
for side, column in zip(("", "_b") if two else ("",), st.columns(2 if two else 1), strict=True):
    with column:
        text, raw = compose(task, side)
        show_tokens(text, raw, side)
        settings = sampling_panel(f"before{side}")
        answer(f"before_ask{side}", text=text, raw=raw, settings=settings, label="Ask")
        st.subheader("What comes next?")
        look_ahead(f"before_next{side}", text=text, raw=raw, settings=settings)
end(COURSE)
lab_report(COURSE)
