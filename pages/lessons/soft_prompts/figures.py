"""Virtual tokens on a map of words, their learning curve, and a hand-written prompt beside them."""

import html
from collections.abc import Sequence
from dataclasses import asdict

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from core.data.examples import task_examples
from core.evaluate.apart import interval_words
from core.evaluate.limits import sample_as_shown
from core.events import (
    Evaluation,
    Event,
    Sample,
    Step,
    VirtualToken,
    VirtualTokens,
    VocabularyMap,
)
from core.experiments import record
from core.experiments.mitigations import LEARNED
from core.experiments.soft_prompts import Wandering, wandering
from core.runs.duration import n_steps as planned_steps
from core.runs.messages import TextScore
from core.runs.store import Run
from pages.shared.colours import GREY, ORANGE
from pages.shared.forgetting import curves
from pages.shared.live import follow, recorded_behind
from pages.shared.run_charts import loss_chart

MAP_PX = (620, 400)
"""The plane of the map where the window is narrow; where it is wide, words lie further apart."""
LETTER_PX, LINE_PX = 6.5, 13
MOST_TOKENS = 10
"""In a row; of more, the first ones."""


def soft_prompt_view(run_id: str) -> None:
    """A run's curves and its virtual tokens on the map; live while it trains."""
    follow(run_id, _view)


def _view(run: Run, events: list[Event]) -> None:
    n_steps = planned_steps(run.unchecked_config)
    _score_and_tokens(events)
    if any(isinstance(e, Evaluation) for e in events):
        chart = curves(events, n_steps, behind=recorded_behind(run))
        st.altair_chart(chart, width="stretch")


def draw(run: Run, events: list[Event]) -> None:
    """What a replay shows of a check: the score, what the model reads, and where its virtual tokens went."""
    look, score = _score_and_tokens(events)
    if look:
        st.altair_chart(map_chart(events, look.step), width="stretch")
    elif score:  # a prefix has no place on the map
        st.altair_chart(curves(events, planned_steps(run.unchecked_config)), width="stretch")


def _score_and_tokens(events: Sequence[Event]) -> tuple[VirtualTokens | None, Evaluation | None]:
    """Draw what the model scores and reads by now, where that is known; both are returned."""
    look = next((e for e in reversed(events) if isinstance(e, VirtualTokens)), None)
    answers = [e for e in events if isinstance(e, Sample) and e.task == LEARNED]
    scores = [e for e in events if isinstance(e, Evaluation) and e.task == LEARNED]
    if scores:
        st.markdown(f"**{score_words(scores[-1])}**")
    if look:
        token_row(look.tokens, answers[-1] if answers else None)
    return look, scores[-1] if scores else None


def score_words(e: Evaluation) -> str:
    """How good the soft prompt is by now."""
    low, high = e.interval
    return f"Step {e.step}: sentiment {e.score:.2f} [{low:.2f}, {high:.2f}] on {e.n} reviews"


def moving_view(run_id: str) -> None:
    """The virtual tokens on the map of words, and the loss; live while they train."""
    follow(run_id, _moving, with_status=False)


def _moving(run: Run, events: list[Event]) -> None:
    looks = [e for e in events if isinstance(e, VirtualTokens)]
    if looks:
        last = looks[-1].step
        step = last
        if run.status.is_over and last:
            step = st.slider("Step", 0, last, last, key=f"soft_prompts_step_{run.id}")
        st.altair_chart(map_chart(events, step), width="stretch")
    if any(isinstance(e, Step) for e in events):
        behind = recorded_behind(run)
        chart = loss_chart(events, planned_steps(run.unchecked_config), behind=behind)
        st.altair_chart(chart, width="stretch")


def token_row(tokens: Sequence[VirtualToken | None], answered: Sample | None) -> None:
    """What the model reads: the virtual tokens with the word nearest to each, then a review; and its answer.

    A token that is not trained yet is None; `answered` is a question of the task and what was answered.
    """
    shown = tokens[:MOST_TOKENS]
    chips = "".join(
        f"<span><b>[?]</b><small>{_nearest(token) if token else '?'}</small></span>"
        for token in shown
    )
    more = len(tokens) - len(shown)
    rest = f"<em>and {more} more</em>" if more else ""
    question, said = (answered.prompt, sample_as_shown(answered)) if answered else usual_question()
    review = html.escape(question.rpartition("Review:")[2].strip() or question)
    st.html(
        f'<div class="virtual">{chips}{rest}<q>{review}</q><i>→</i><strong>{html.escape(said)}</strong></div>'
    )


def usual_question() -> tuple[str, str]:
    """A review of the test set, and an answer that is still to come."""
    return task_examples(LEARNED, "test")[0].prompt, "?"


def _nearest(token: VirtualToken) -> str:
    near = token.nearest[0]
    return f"{html.escape(near.token.strip() or repr(near.token))} {near.cosine:.2f}"


def recorded_tokens(n: int) -> Sequence[VirtualToken | None]:
    """The virtual tokens of a recorded run with `n` of them; where there is none, not trained yet."""
    shipped = record.recorded("soft_prompts")
    for run in shipped.runs if shipped else ():
        looks = [e for e in run.events if isinstance(e, VirtualTokens)]
        if looks and len(looks[-1].tokens) == n:
            return looks[-1].tokens
    return [None] * n


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


def against_words(soft: Evaluation, hand: TextScore, virtual_tokens: int) -> str:
    """A soft prompt's last score beside that of a written one."""
    one, other = soft.interval, hand.interval
    return (
        f"{virtual_tokens} virtual tokens: {soft.score:.2f} [{one[0]:.2f}, {one[1]:.2f}] on "
        f"{soft.n} reviews. Your {hand.n_tokens} written tokens: {hand.score:.2f} "
        f"[{other[0]:.2f}, {other[1]:.2f}] on {hand.n}: {interval_words(one, other)}."
    )
