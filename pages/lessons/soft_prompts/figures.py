"""A run of this lesson: what the model reads by now, its scores and the map of its virtual tokens."""

import html
from collections.abc import Sequence

import streamlit as st

from core.data.examples import task_examples
from core.evaluate.limits import sample_as_shown
from core.events import (
    Evaluation,
    Event,
    Sample,
    Step,
    VirtualToken,
    VirtualTokens,
)
from core.experiments import record
from core.experiments.mitigations import LEARNED
from core.runs.store import Run
from pages.lessons.soft_prompts.word_map import map_chart
from pages.shared.forgetting import curves
from pages.shared.live import follow, loss_chart, planned_steps, recorded_behind

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


def draw(run: Run, events: list[Event]) -> None:
    """What a replay shows of a check: the score, what the model reads, and where its virtual tokens went."""
    look, score = _score_and_tokens(events)
    if look:
        st.altair_chart(map_chart(events, look.step), width="stretch")
    elif score:  # a prefix has no place on the map
        st.altair_chart(curves(events, planned_steps(run.unchecked_config)), width="stretch")


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
