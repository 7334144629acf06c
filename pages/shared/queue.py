"""Several runs at once: submit those that are missing, watch them, stop them."""

from collections import Counter
from collections.abc import Callable, Sequence

import streamlit as st

from core.config import RunConfig
from core.events import Step
from core.experiments.pending import active, failed, missing
from core.runs.duration import n_steps as planned_steps
from core.runs.names import run_name
from pages.shared.engine import engine, events_of, store
from pages.shared.live import POLL_S, worker_words
from pages.shared.plain import plain
from pages.shared.prepare import compute_button
from pages.shared.waiting import all_left_words, place_words


def nothing() -> None:
    """Draw no more than the progress."""


def run_all(
    configs: Sequence[RunConfig],
    label: str,
    *,
    key: str,
    draw: Callable[[], None] = nothing,
) -> None:
    """A button that queues the missing runs, their progress, and a button that stops them.

    `draw` is called below, and anew while runs wait or train.
    """
    left = missing(configs, store())
    waiting = active(configs, store())
    text = f"{label}: {len(left)} of {len(configs)} to run"
    if left and compute_button(text, key=f"{key}_start", is_primary=True):
        for config in left:
            engine().submit(config)
        st.rerun()
    for reason, n in Counter(run.reason for run in failed(configs, store())).items():
        st.error(f"{n} of {len(configs)} failed: {plain(reason)}")
    if not left and not waiting:
        st.caption("It is finished." if len(configs) == 1 else f"All {len(configs)} are finished.")
    st.fragment(_progress, run_every=POLL_S if waiting else None)(configs, key, draw, bool(waiting))


def _progress(
    configs: Sequence[RunConfig], key: str, draw: Callable[[], None], was_active: bool
) -> None:
    waiting = active(configs, store())
    if was_active and not waiting:
        st.rerun()  # the page around shows what has come, and polling ends
    if waiting:
        done = sum(1 for config in configs if store().find_finished(config))
        text = f"{done} of {len(configs)} runs finished{all_left_words(waiting)}."
        if running := next((run for run in waiting if run.status == "running"), None):
            steps = [e for e in events_of(running.id) if isinstance(e, Step)]
            wanted = planned_steps(running.unchecked_config)
            text += f" Now {run_name(running.config_dict)}: step {len(steps)} of {wanted}."
        else:
            text += f" {place_words(waiting[0])}{worker_words()}"
        st.progress(done / len(configs), text=text)
        if st.button("Stop them", key=f"{key}_stop"):
            for run in waiting:
                engine().cancel(run.id)
    draw()
