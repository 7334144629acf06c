"""Lesson, one prompt: a number of examples, the prompt they make, and what it scores and costs."""

from collections.abc import Sequence

import streamlit as st

from core import catalog
from core.data.examples import Example, task_examples
from core.data.shots import (
    FORMS,
    ask_all_with_shots,
    ask_with_shots,
    chat_with_shots,
    draw_shots,
    with_shots,
)
from core.experiments.prompting import prompt_row, ways
from core.recorded.answers import where_asked
from core.runs import prompt_evaluation
from core.runs.messages import Measure
from core.runs.prompt_evaluation import Measured, PromptEvaluation
from pages.lessons.choice.figures import FORM_TITLES
from pages.lessons.choice.measure import measure_button
from pages.shared.engine import model_ready, tokenizer
from pages.shared.one_of import one_of
from pages.shared.plain import plain
from pages.shared.prepare import ask_for_model
from pages.shared.recordings import known_answer

MOST_SHOWN = 8


def one_prompt(task: str) -> None:
    """A number of examples, the prompt they make, and what it scores and costs."""
    st.header("Show examples in the prompt")
    left, middle, right = st.columns([2, 2, 1])
    k = left.slider("Solved examples", 0, MOST_SHOWN, 4, key="choice_shots", bind="query-params")
    form = one_of(
        middle.segmented_control,
        "Shown",
        FORMS,
        format_func=FORM_TITLES.__getitem__,
        default="chat",
        key="choice_form",
        bind="query-params",
    )
    seed = right.number_input(
        "Seed", 0, 9999, 0, key="choice_seed", bind="query-params", help="Which examples are shown."
    )
    question, shots = task_examples(task, "test")[0], draw_shots(task, k, seed=seed)
    if model_ready():
        show_prompt(task, question, shots, form)
    else:
        ask_for_model("See the prompt as the model reads it", key="choice_prompt")
    wanted = PromptEvaluation(task=task, shots=k, seed=seed, form=form)
    measure_button([wanted], "Measure this prompt", key="choice_one")
    own, came = prompt_evaluation.find(wanted), known_answer(Measure(wanted=wanted))
    if kept := own or next((one for one in came if isinstance(one, Measured)), None):
        (way,) = ways([prompt_row(kept)])
        low, high = way.interval
        st.markdown(
            f"Score **{way.score:.2f}** [{low:.2f}, {high:.2f}] on {kept.n} test examples; "
            f"**{way.prompt_tokens + way.answer_tokens:.0f}** tokens and "
            f"**{1000 * way.latency_s():.0f} ms** a request. Its first answers: "
            + ", ".join(f"“{plain(answer)}”" for answer in kept.first_answers)
            + "."
        )
        if line := way.cut_line:
            st.caption(f"{line}.")
        if not own:
            st.caption(where_asked())
    else:
        st.caption(
            f"It answers {wanted.n_test} test examples for the score, and {wanted.n_timed} of them one by one for the time."
        )


def show_prompt(task: str, question: Example, shots: Sequence[Example], form: str) -> None:
    """The prompt as the model reads it; `UserError` where a prompt of the test set leaves no room to answer."""
    text = tokenizer().chat([{"role": "user", "content": with_shots(question, shots)}])
    if form == "chat":
        text = chat_with_shots(question, shots, tokenizer())
    n, bare = (len(ask_with_shots(question, some, tokenizer(), form=form)) for some in (shots, []))
    examples = f"{len(shots)} example{'' if len(shots) == 1 else 's'}"
    with st.expander(f"The first test question: {n} tokens with {examples}, {bare} without"):
        st.code(text, language=None, wrap_lines=True)
    room = catalog.find_task(task).max_new_tokens
    ask_all_with_shots(task_examples(task, "test"), shots, tokenizer(), form=form, room=room)
