"""A batch drawn as tiles, one an example, in the colour of its task; and what such batches left."""

import html
from collections.abc import Sequence

import streamlit as st

from core import catalog
from core.evaluate.apart import are_apart
from core.experiments import record
from core.experiments.mixtures import GENERAL, TRAINED, Mixture
from core.train.batches import mixed_batches
from pages.lessons.multitask.mixtures import averaged, recorded_mixtures
from pages.shared.colours import TASK_COLOURS

BATCH = 8


def batch_of(tasks: Sequence[str], weights: Sequence[float] = ()) -> list[str]:
    """The task of each example in the first batch, as training would take them."""
    pools = [[task] for task in tasks]
    return next(mixed_batches(pools, weights or [1.0] * len(tasks), BATCH, seed=0))


def tiles(tasks: Sequence[str], weights: Sequence[float] = ()) -> str:
    """The first batch as HTML."""
    batch = batch_of(tasks, weights)
    titles = [catalog.task_title(task) for task in batch]
    drawn = [
        f'<span style="background:{TASK_COLOURS[task]}">{html.escape(title.split()[0])}</span>'
        for task, title in zip(batch, titles, strict=True)
    ]
    label = html.escape(f"A batch of {BATCH}: {', '.join(titles)}")
    return f'<div class="tiles" role="img" aria-label="{label}">{"".join(drawn)}</div>'


def first_screen() -> None:
    """Two batches and what they left of general questions, in the recorded runs."""
    mixtures = recorded_mixtures()
    one = [m for m in mixtures if m.tasks == TRAINED[:1]]
    all_tasks = [m for m in mixtures if set(m.tasks) == set(TRAINED)]
    st.markdown(
        "**Two batches of eight pairs**, and general questions after 30 steps on such batches:"
    )
    for title, tasks, runs in (
        ("One task", TRAINED[:1], one),
        ("Seven tasks", TRAINED, all_tasks),
    ):
        st.markdown(f"{title}")
        st.html(tiles(tasks))
        if runs:
            st.markdown(outcome(runs))
    if found := record.recorded("mixtures"):
        st.caption(f"Recorded on {found.date} on {found.machine}. Press Run to mix your own.")


def outcome(runs: Sequence[Mixture]) -> str:
    """General questions before and after these runs, in one line."""
    before, *start = averaged(runs, GENERAL, before=True)
    after, *end = averaged(runs, GENERAL)
    low, high = end
    apart = are_apart((start[0], start[1]), (low, high))
    said = "" if apart else " The 95 % intervals overlap."
    return (
        f":material/arrow_forward: general questions **{before:.2f} → {after:.2f}** "
        f"({low:.2f} to {high:.2f}).{said}"
    )
