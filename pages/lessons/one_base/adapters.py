"""Adapters side by side: answers under each, and memory against whole copies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from core.answer import Answer
from core.evaluate.limits import as_shown
from core.experiments.adapter_answers import ANSWER_TOKENS, recorded_answers
from core.experiments.adapters import WEIGHT_BYTES, Adapter
from core.generate.settings import SamplingSettings
from core.runs.messages import Switch, Switched
from pages.shared.colours import BLUE, GREY
from pages.shared.engine import current_model, engine
from pages.shared.plain import quoted

BASE_MODEL = "Base model"
NOT_ASKED = "?"
MANY = (1, 2, 5, 10, 20, 50, 100)
"""Numbers of tasks on the memory chart."""


def answer(
    adapters: Sequence[Adapter], active: Mapping[str, float], text: str, place: Any
) -> tuple[Switched, str]:
    """Ask with these adapters and weights, writing the answer to `place` as it comes.

    Returns how long the switch took and what is in memory, and the whole answer.
    """
    asked = Switch(
        model=current_model().id,
        adapters=tuple(adapter.run_id for adapter in adapters),
        active=dict(active),
        text=text,
        settings=SamplingSettings(max_new_tokens=ANSWER_TOKENS),
    )
    switched: Switched | None = None
    said = Answer("", was_cut=False)
    for message in engine().ask(asked):
        if isinstance(message, Switched):
            switched = message
        else:
            said = Answer(message.token.text, was_cut=not message.token.ended)
            place.markdown(quoted(said.text))
    assert switched is not None  # it comes first
    place.markdown(quoted(as_shown(said)))
    return switched, as_shown(said)


def memory_rows(adapter_bytes: float, n_parameters: int) -> pd.DataFrame:
    """N tasks: one base with N adapters against N whole copies, in MB."""
    base = n_parameters * WEIGHT_BYTES
    copies = [(n, "a copy per task", n * base / 1e6) for n in MANY]
    together = [(n, "one base and adapters", (base + n * adapter_bytes) / 1e6) for n in MANY]
    return pd.DataFrame([*copies, *together], columns=["tasks", "way", "MB"])


def memory_finding(frame: pd.DataFrame) -> str:
    """What a hundred tasks take either way."""
    last = frame[frame.tasks == frame.tasks.max()].set_index("way").MB
    copies, together = last["a copy per task"], last["one base and adapters"]
    return (
        f"{frame.tasks.max()} tasks: {copies / 1000:.1f} GB as copies, {together / 1000:.2f} GB as "
        f"adapters, {copies / together:.0f} times less"
    )


def memory_chart(frame: pd.DataFrame) -> alt.Chart:
    heading = memory_finding(frame)
    ways = ["a copy per task", "one base and adapters"]
    return (
        alt.Chart(frame, title=heading, height=360)
        .mark_line(point=True)
        .encode(
            x=alt.X(
                "tasks:Q",
                title="number of tasks (log scale)",
                scale=alt.Scale(type="log"),
                axis=alt.Axis(values=MANY, grid=False),
            ),
            y=alt.Y(
                "MB:Q",
                title="weights (MB, log scale)",
                scale=alt.Scale(type="log", domain=[100, 100_000], nice=False),
                axis=alt.Axis(values=[10**k for k in range(2, 6)], format=","),
            ),
            color=alt.Color(
                "way:N",
                title=None,
                scale=alt.Scale(domain=ways, range=[GREY, BLUE]),
                legend=alt.Legend(orient="top", symbolType="stroke", symbolStrokeWidth=3),
            ),
            strokeDash=alt.StrokeDash("way:N", legend=None),
            tooltip=["tasks", "way", alt.Tooltip("MB", format=",.0f")],
        )
        .properties(description=heading)
    )


def adapter_table(found: Iterable[Adapter]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "adapter": adapter.title,
                "rank": adapter.rank,
                "score on its task": round(adapter.score, 2),
                "on disk (MB)": round(adapter.n_bytes / 1e6, 2),
            }
            for adapter in found
        ]
    )


def weights_words(n: int, adapter_bytes: float, n_parameters: int) -> str:
    """What `n` tasks take either way, in one line."""
    base = n_parameters * WEIGHT_BYTES
    return (
        f"{n} copies {n * base / 1e6:,.0f} MB, base + {n} adapters "
        f"{(base + n * adapter_bytes) / 1e6:,.0f} MB"
    )


@dataclass(frozen=True, kw_only=True)
class Remembered:
    text: str
    switch_ms: float


def remember(text: str, name: str, switched: Switched, said: str) -> None:
    """Keep an answer in this session, to show it beside the others."""
    kept = st.session_state.setdefault("one_base_answers", {})
    kept.setdefault(text, {})[name] = Remembered(text=said, switch_ms=switched.switch_ms)


def told(text: str, name: str, task: str) -> tuple[str, str]:
    """A line of the grid: who answers, and what; the reader's own answer, else the recorded one.

    `task` is what the adapter called `name` was trained on, `BASE` for the base model.
    """
    if name in (own := remembered(text)):
        return name, own[name].text
    shipped = recorded_answers()
    said = shipped.answers.get(text, {}).get(task) if shipped else None
    return (f"{name} (recorded)", said) if said else (name, NOT_ASKED)


def remembered(text: str) -> dict[str, Remembered]:
    """What each model answered to this prompt so far, by its name."""
    return st.session_state.get("one_base_answers", {}).get(text, {})
