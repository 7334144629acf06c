"""Lesson: instruction fine-tuning, from prompt-completion pairs to a tuned model."""

from contextlib import suppress

import streamlit as st

from core import catalog
from core.course import content
from core.data.examples import load_splits
from core.errors import UserError
from core.generate.settings import SamplingSettings
from core.runs.messages import Generate
from core.runs.states import RunStatus
from pages.lessons.instruction.results import (
    draw,
    run_results,
    three_pairs,
    trained_task_prompt,
    usual_run,
)
from pages.lessons.instruction.settings import run_settings, set_controls, spells
from pages.lessons.instruction.stepping import FORWARD, source_of, step_through
from pages.lessons.instruction.training_data import choose_dataset, epochs, pairs
from pages.shared.answers import answer, other_settings
from pages.shared.ask import ask_while_waiting
from pages.shared.cards import Card, show_cards
from pages.shared.engine import engine, model_ready, store
from pages.shared.lab_report import lab_report
from pages.shared.layout import experiment
from pages.shared.plain import plain
from pages.shared.predict import predict, show_outcome_of, waits_for_guess
from pages.shared.prepare import compute_button
from pages.shared.run_button import run_button, run_in_url
from pages.shared.thread import begin, end

COURSE = content.lesson("instruction")

TURNED = ("data.task", "method.name", "optimizer.learning_rate", "optimizer.steps", "seed")
REVIEW = (
    "Is this review positive or negative? Answer with one word.\n\nReview: "
    "The soup was cold and the waiter laughed at us."
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
    answers_by_itself = model_ready() and text == prompt and asked not in kept and has_weights
    if compute_button("Ask both", key="instruction_ask_both") or answers_by_itself:
        try:
            with st.spinner("Both are answering …"):
                kept[asked] = (_answer(text, "", run_id), _answer(text, run_id, run_id))
        except UserError as error:
            st.error(plain(str(error)))
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
    with left:
        task, dataset = choose_dataset()
        predict(COURSE, name="run")
        button = st.container()
        settings = st.container()
    below = st.container()

    if task == catalog.CUSTOM_TASK and not dataset:
        with button:
            run_id = run_in_url("run")
        with right:
            if run_id:
                run_results(run_id, compare_with_guess)
            else:
                three_pairs()
                usual_run_after_guess()
        return
    with below:
        st.header("1 · Pairs and template")
        data, splits = pairs(task, dataset)
    with settings:
        config = run_settings(data)
        st.caption(epochs(config, len(splits.train)))
    with button:
        run_id = run_button(config, "Run", key="instruction_run", name="run")
    if run_id:
        with left:
            other_settings(config, run_id, key="instruction", name="run")
            ask_while_waiting(COURSE, run_id)

    with right:
        if run_id:
            run_results(run_id, compare_with_guess)
        elif task == catalog.CUSTOM_TASK:
            three_pairs()
            usual_run_after_guess()
        else:
            if task == "sentiment":
                three_pairs()
            answer(
                config,
                draw,
                key="instruction",
                name="run",
                collections=("single_tasks",),
                turned=TURNED,
                set_controls=set_controls,
                course=COURSE,
                otherwise=usual_run_after_guess,
            )
    with below:
        st.header("2 · The loop, one phase at a time")
        step_through(config)
        sources()
    if run_id and store().get(run_id).status in (RunStatus.FINISHED, RunStatus.STOPPED):
        with right:  # last, as it waits for two answers
            compare(run_id)


def compare_with_guess(run_id: str) -> None:
    show_outcome_of(COURSE, run_id)


def usual_run_after_guess() -> None:
    """What the usual run came to, as it tells what is to be guessed."""
    if not waits_for_guess(COURSE, "**What 20 steps on such pairs did.**", name="run"):
        usual_run()


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


begin(COURSE)
lesson()
end(COURSE, name="run")
lab_report(COURSE, name="run", set_controls=set_controls, spells=spells)
