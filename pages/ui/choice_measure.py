"""Measuring prompts and tuned models from the page: one after another, stoppable, kept as they come."""

from collections.abc import Sequence

import streamlit as st

from core.config import RunConfig
from core.errors import UserError
from core.experiments.prompting import tuned_asking
from core.runs import asking
from core.runs.asking import Asking
from pages.ui.engine import engine, store

BUSY = "A run waits or trains. Measuring waits for it, so that the times are right."


def to_measure(askings: Sequence[Asking]) -> list[Asking]:
    return [wanted for wanted in askings if not asking.find(wanted)]


def trained(configs: Sequence[RunConfig]) -> list[Asking]:
    """Those of the runs that are finished and have weights, or were measured when they had."""
    found: list[Asking] = []
    for config in configs:
        run = store().find_finished(config)
        if run is None:
            continue
        wanted = tuned_asking(config, run.id)
        if asking.find(wanted) or store().size_bytes(run.id):
            found.append(wanted)
    return found


def measure_button(askings: Sequence[Asking], label: str, *, key: str) -> None:
    """Measures what is missing of `askings`; what is measured stays, also when it is stopped."""
    left = to_measure(askings)
    is_busy = bool(store().active())
    if not left:
        if askings:
            st.caption("It is measured." if len(askings) == 1 else "All of them are measured.")
        return
    text = label if len(askings) == 1 else f"{label}: {len(left)} of {len(askings)} to do"
    go, halt = st.columns([2, 1])
    clicked = go.button(text, type="primary", key=f"{key}_start", width="stretch", disabled=is_busy)
    halt.button("Stop", key=f"{key}_stop", width="stretch")  # any click ends the stream
    if is_busy:
        st.caption(BUSY)
    if not clicked:
        return
    bar = st.progress(0.0, text="Asking the model")
    try:
        for number, wanted in enumerate(left):
            for message in engine().ask("measure", asking=wanted.to_dict()):
                if "answered" in message:
                    share = (number + message["answered"] / message["of"]) / len(left)
                    bar.progress(
                        min(share, 1.0), text=f"{number + 1} of {len(left)}: {_now(wanted)}"
                    )
    except UserError as error:
        st.error(str(error))
        return
    st.rerun()


def _now(wanted: Asking) -> str:
    if wanted.run:
        return f"the tuned model {wanted.run}"
    examples = f"{wanted.shots} example{'' if wanted.shots == 1 else 's'}"
    return f"{examples}, seed {wanted.seed}" if wanted.shots else "no examples"
