"""Virtual tokens on a map of words: where they began, how they moved, which words they lie near."""

from collections.abc import Sequence
from dataclasses import asdict

import altair as alt
import numpy as np
import pandas as pd

from core.events import (
    Event,
    VirtualTokens,
    VocabularyMap,
)
from core.experiments.soft_prompts import Wandering, wandering
from pages.shared.colours import GREY, ORANGE

MAP_PX = (620, 400)
"""The plane of the map where the window is narrow; where it is wide, words lie further apart."""
LETTER_PX, LINE_PX = 6.5, 13


def map_chart(events: Sequence[Event], step: int) -> alt.LayerChart | alt.FacetChart:
    """The task's words in grey, the virtual tokens at `step` with their way from the start."""
    plane = next(e for e in events if isinstance(e, VocabularyMap))
    looks = [e for e in events if isinstance(e, VirtualTokens)]
    words = pd.DataFrame(map(asdict, plane.words))
    rows = [
        {
            "step": look.step,
            "virtual token": number + 1,
            "x": token.x,
            "y": token.y,
            "nearest words": ", ".join(
                f"“{near.token.strip()}” {near.cosine:.2f}" for near in token.nearest
            ),
        }
        for look in looks
        for number, token in enumerate(look.tokens)
    ]
    every = pd.DataFrame(rows)
    until = every[every.step <= step]
    now = every[every.step == step]
    axis = alt.Axis(tickCount=5, format="~g")
    x = alt.X("x:Q", title=_direction(plane, 0), scale=_fixed([*words.x, *every.x]), axis=axis)
    y = alt.Y("y:Q", title=_direction(plane, 1), scale=_fixed([*words.y, *every.y]), axis=axis)
    heading = heading_of(looks, step)
    words["is_shown"] = without_overlap(words)
    named = alt.Chart(words[words.is_shown])
    text = named.mark_text(color=GREY, fontSize=11).encode(x=x, y=y, text="token")
    others = alt.Chart(words[~words.is_shown]).mark_circle(color=GREY, size=16)
    dots = others.encode(x=x, y=y, tooltip=alt.Tooltip("token", title="word"))
    ways = (
        alt.Chart(until)
        .mark_line(color=ORANGE, opacity=0.5, strokeWidth=1.5)
        .encode(x=x, y=y, detail="virtual token", order="step")
    )
    points = (
        alt.Chart(now)
        .mark_circle(color=ORANGE, size=110, opacity=1)
        .encode(x=x, y=y, tooltip=["virtual token", "step", "nearest words"])
    )
    layers = dots + text + ways + points
    return layers.properties(title=heading, height=460, description=heading)


def without_overlap(words: pd.DataFrame) -> list[bool]:
    """Which words can be written on the map without covering one before them; the others become dots."""
    spans = [max(np.ptp(words[axis].to_numpy()), 1e-9) for axis in ("x", "y")]
    boxes: list[tuple[float, float, float]] = []
    shown: list[bool] = []
    for word, x, y in zip(words.token, words.x, words.y, strict=True):
        at = (MAP_PX[0] * x / spans[0], MAP_PX[1] * y / spans[1], LETTER_PX * len(word) / 2)
        fits = all(
            abs(at[0] - box[0]) > at[2] + box[2] or abs(at[1] - box[1]) > LINE_PX for box in boxes
        )
        boxes += [at] if fits else []
        shown.append(fits)
    return shown


def _direction(plane: VocabularyMap, number: int) -> str:
    return f"direction {number + 1} ({100 * plane.explained[number]:.0f} % of the words’ variance)"


def _fixed(values: Sequence[float]) -> alt.Scale:
    """The same over the whole run, so that only the tokens move."""
    low, high = min(values), max(values)
    pad = 0.05 * (high - low)
    return alt.Scale(domain=[low - pad, high + pad], nice=False)


def heading_of(looks: Sequence[VirtualTokens], step: int) -> str:
    """What the map shows at a step, in one line."""
    look = next(e for e in looks if e.step == step)
    cosines = [token.nearest[0].cosine for token in look.tokens]
    mean = sum(cosines) / len(cosines)
    return f"After step {step}, {len(cosines)} virtual tokens: mean cosine to the nearest word {mean:.2f}"


def wandering_words(events: Sequence[Event]) -> str:
    """Whether a finished run's tokens stayed near words; "" where that was not watched."""
    found = wandering(events)
    return said(found) if found else ""


def said(found: Wandering) -> str:
    stayed = found.n_same_word
    return (
        f"At the start the {found.n} virtual tokens had a mean cosine of {found.start_cosine:.2f} to "
        f"their nearest words, at the end {found.end_cosine:.2f}. {stayed} of {found.n} still lie "
        f"nearest to the word they began as, and {found.n_near_task} of {found.n} nearest to a word of "
        "the task. So read as its nearest words, this prompt does not name the task it was trained for "
        "(Khashabi et al. 2022 call it prompt waywardness). Nearness of embeddings says nothing about how "
        "the model uses them."
        if found.n_near_task <= found.n / 2
        else f"{found.n_near_task} of {found.n} virtual tokens ended nearest to a word of the task "
        f"(mean cosine {found.end_cosine:.2f}, {found.start_cosine:.2f} at the start; {stayed} kept "
        "the word they began as)."
    )
