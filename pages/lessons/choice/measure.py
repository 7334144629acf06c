"""Measuring prompts and tuned models from the page: one after another, stoppable, kept as they come."""

from collections.abc import Sequence

import streamlit as st

from core.config import RunConfig
from core.errors import UserError
from core.experiments.prompting import tuned_evaluation
from core.runs import prompt_evaluation
from core.runs.messages import Measure, Progress
from core.runs.prompt_evaluation import PromptEvaluation
from pages.shared.engine import engine, store
from pages.shared.plain import plain
from pages.shared.prepare import compute_button

BUSY = "A run waits or trains. Measuring waits for it, so that the times are right."


def to_measure(evaluations: Sequence[PromptEvaluation]) -> list[PromptEvaluation]:
    return [wanted for wanted in evaluations if not prompt_evaluation.find(wanted)]


def trained(configs: Sequence[RunConfig]) -> list[PromptEvaluation]:
    """Those of the runs that are finished and have weights, or were measured when they had."""
    found: list[PromptEvaluation] = []
    for config in configs:
        run = store().find_finished(config)
        if run is None:
            continue
        wanted = tuned_evaluation(config, run.id)
        if prompt_evaluation.find(wanted) or store().size_bytes(run.id):
            found.append(wanted)
    return found


def measure_button(evaluations: Sequence[PromptEvaluation], label: str, *, key: str) -> None:
    """Measures what is missing of `evaluations`; what is measured stays, also when it is stopped."""
    left = to_measure(evaluations)
    is_busy = store().n_active() > 0
    if not left:
        if evaluations:
            st.caption("It is measured." if len(evaluations) == 1 else "All of them are measured.")
        return
    text = label if len(evaluations) == 1 else f"{label}: {len(left)} of {len(evaluations)} to do"
    go, halt = st.columns([2, 1])
    clicked = compute_button(
        text, key=f"{key}_start", place=go, is_primary=True, width="stretch", disabled=is_busy
    )
    halt.button("Stop", key=f"{key}_stop", width="stretch")  # any click ends the stream
    if is_busy:
        st.caption(BUSY)
    if not clicked:
        return
    bar = st.progress(0.0, text="Asking the model")
    try:
        for number, wanted in enumerate(left):
            for message in engine().ask(Measure(wanted=wanted)):
                if isinstance(message, Progress):
                    share = (number + message.answered / message.of) / len(left)
                    bar.progress(
                        min(share, 1.0), text=f"{number + 1} of {len(left)}: {_now(wanted)}"
                    )
    except UserError as error:
        st.error(plain(str(error)))
        return
    st.rerun()


def _now(wanted: PromptEvaluation) -> str:
    if wanted.run:
        return f"the tuned model {wanted.run}"
    examples = f"{wanted.shots} example{'' if wanted.shots == 1 else 's'}"
    return f"{examples}, seed {wanted.seed}" if wanted.shots else "no examples"
