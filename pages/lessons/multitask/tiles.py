"""A batch drawn as tiles, one an example, in the colour of its task; and what such batches left."""

import html
from collections.abc import Sequence
from statistics import fmean

import streamlit as st

from core import catalog
from core.evaluate.apart import are_apart
from core.experiments import record
from core.experiments.mixtures import GENERAL, STEPS, TRAINED, Mixture
from core.train.batches import mixed_batches
from pages.lessons.multitask.mixtures import recorded_mixtures
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
        f'<span style="background:{TASK_COLOURS[task]};color:{ink(TASK_COLOURS[task])}">'
        f"{html.escape(title.split()[0])}</span>"
        for task, title in zip(batch, titles, strict=True)
    ]
    label = html.escape(f"A batch of {BATCH}: {', '.join(titles)}")
    return f'<div class="tiles" role="img" aria-label="{label}">{"".join(drawn)}</div>'


def ink(colour: str) -> str:
    """Black or white, whichever reads better on a colour (#rrggbb), by WCAG's relative luminance."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#ffffff" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "#000000"


def first_screen() -> None:
    """Two batches, and what they left in the recorded runs."""
    mixtures = recorded_mixtures()
    one = [m for m in mixtures if m.tasks == TRAINED[:1]]
    every = [m for m in mixtures if set(m.tasks) == set(TRAINED)]
    st.markdown(f"**Two batches of {BATCH} pairs, and scores after {STEPS} steps on such batches**")
    for title, tasks, runs in (("One task", TRAINED[:1], one), ("Seven tasks", TRAINED, every)):
        st.html(f"<b>{title}</b>{tiles(tasks)}")
        if runs:
            seven = outcome("The seven tasks, mean", TRAINED, runs)
            st.markdown(f"{seven}  \n{outcome('General questions', (GENERAL,), runs)}")
    if found := record.recorded("mixtures"):
        st.caption(
            f"95 % intervals in parentheses. Recorded on {found.date} on {found.machine}. Press Run to mix "
            "your own."
        )


def outcome(title: str, tasks: Sequence[str], runs: Sequence[Mixture]) -> str:
    """The mean score of tasks before and after these runs, in one line."""
    before = fmean(m.mean(tasks, before=True) or 0.0 for m in runs)
    after = fmean(m.mean(tasks) or 0.0 for m in runs)
    start = [m.mean_interval(tasks, before=True) for m in runs]
    end = [m.mean_interval(tasks) for m in runs]
    low, high = fmean(a for a, _ in end), fmean(b for _, b in end)
    apart = are_apart((fmean(a for a, _ in start), fmean(b for _, b in start)), (low, high))
    said = "" if apart else ": the intervals overlap"
    return f"{title}: **{before:.2f} → {after:.2f}** ({low:.2f} to {high:.2f}){said}"
