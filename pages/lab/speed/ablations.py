"""Switch optimisations off, and see what a step costs then: measured on this machine while one waits."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from core.bench.growth import NOT_DECIDED
from core.errors import UserError
from core.evaluate.uncertainty import median_interval
from core.runs.messages import TimeAblations
from core.train.ablations import ABLATIONS, ALL_ON, CHOSEN, TimedStep, variants
from pages.shared.colours import BLUE, ORANGE
from pages.shared.engine import current_model, engine, store
from pages.shared.plain import plain
from pages.shared.prepare import compute_button

ALL_TITLE = "Everything on"
FEWEST = 4
"""Rounds: the ranges of three steps each part by chance in a tenth of all cases, of four in 3 %."""


@dataclass
class Kept:
    """What was timed last, for the settings it was timed with."""

    asked: TimeAblations
    rows: list[TimedStep] = field(default_factory=list[TimedStep])


def ablations_view(*, task: str, batch_size: int, seed: int) -> None:
    """Choose optimisations, time them, and see the chart grow; any click stops it."""
    off = st.pills(
        "Switch off",
        list(ABLATIONS),
        selection_mode="multi",
        format_func=lambda name: ABLATIONS[name].title,
        default=["tree", "labels"],
        key="speed_off",
        bind="query-params",
        wrap=True,
    )
    for name in off:
        st.caption(
            f"**{ABLATIONS[name].title}.** On: {ABLATIONS[name].on} Off: {ABLATIONS[name].off}"
        )
    rounds = st.slider("Steps each", 1, 10, 5, key="speed_rounds", bind="query-params")
    go, halt = st.columns([2, 1])
    clicked = compute_button(
        "Time them",
        key="speed_time",
        place=go,
        is_primary=True,
        width="stretch",
        disabled=not off,
    )
    halt.button("Stop", key="speed_stop", width="stretch")  # any click ends it
    asked = TimeAblations(
        model=current_model().id,
        task=task,
        batch_size=batch_size,
        seed=seed,
        off=tuple(off),
        rounds=rounds,
    )
    kept: Kept = st.session_state.setdefault("speed_kept", Kept(asked))
    place, bar = st.empty(), st.empty()
    if clicked:
        kept.asked, kept.rows = asked, []
        try:
            _time(kept.rows, asked, place, bar)
        except UserError as error:
            bar.error(plain(str(error)))
    if not off:
        st.caption("Choose at least one optimisation to switch off.")
    elif kept.rows and replace(kept.asked, rounds=rounds) == asked:
        _show(kept.rows, place)
        _losses(kept.rows)
    elif kept.rows:
        st.caption("The settings have changed since the last measurement. Time them again.")
    else:
        st.caption(
            "A LoRA (r=8) takes the steps, on the batches above. The variants take turns, each from the "
            "same start, so a slower minute of the machine meets all of them."
        )


def _time(rows: list[TimedStep], asked: TimeAblations, place: Any, bar: Any) -> None:
    n = len(variants(asked.off)) * (asked.rounds + 1)
    bar.progress(0.0, text="Warming up")
    for message in engine().ask(asked):
        rows.append(message)
        at = "Warming up" if message.round == 0 else f"Round {message.round} of {asked.rounds}"
        bar.progress(len(rows) / n, text=at)
        _show(rows, place)
    bar.empty()


def title_of(variant: str) -> str:
    if variant == ALL_ON:
        return ALL_TITLE
    return "All of these off" if variant == CHOSEN else f"{ABLATIONS[variant].title}: off"


def time_rows(messages: Sequence[TimedStep]) -> pd.DataFrame:
    """The median step of each variant with its 95 % interval, without the round that warms up."""
    by_variant: dict[str, list[TimedStep]] = {}
    for message in messages:
        if message.round > 0:
            by_variant.setdefault(message.variant, []).append(message)
    usual = [m.step_s for m in by_variant.get(ALL_ON, [])]
    rows = [
        {
            "variant": title_of(name),
            "step_s": median(m.step_s for m in found),
            "n": len(found),
            **dict(zip(("low", "high"), median_interval([m.step_s for m in found]), strict=True)),
            "times": median(m.step_s for m in found) / median(usual),
            "tokens": found[-1].tokens,
            "dtype": found[-1].dtype,
            "is_on": name == ALL_ON,
        }
        for name, found in by_variant.items()
    ]
    return pd.DataFrame(rows)


def time_finding(rows: pd.DataFrame) -> str:
    """The dearest variant against everything on, where their intervals part."""
    others = rows.loc[~rows.is_on]
    if others.empty:
        return "One step with everything on"
    usual = rows[rows.is_on].iloc[0]
    if usual.n < FEWEST:
        return f"{usual.n} of at least {FEWEST} rounds: too few to tell a difference from noise"
    dearer = others.loc[others.low > usual.high].sort_values("times", ascending=False)
    if dearer.empty:
        return NOT_DECIDED
    worst = dearer.iloc[0]
    what = worst.variant.removesuffix(": off")
    if what == "All of these off":
        return f"With all of these off, a step takes {worst.times:.1f} times as long"
    is_clear = (others.loc[others.variant != worst.variant].high < worst.low).all()
    saves = "saves most" if is_clear else "saves time"
    return f"“{what}” {saves} here: without it a step takes {worst.times:.1f} times as long"


def time_chart(rows: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    title = time_finding(rows)
    base = alt.Chart(rows).encode(
        y=alt.Y("variant:N", sort=None, title=None, axis=alt.Axis(labelLimit=190))
    )
    bars = base.mark_bar().encode(
        x=alt.X("step_s:Q", title="seconds per step (line: 95 % interval)"),
        color=alt.condition("datum.is_on", alt.value(BLUE), alt.value(ORANGE)),
        tooltip=[
            "variant",
            alt.Tooltip("step_s", title="s/step", format=".3f"),
            alt.Tooltip("times", title="times everything on", format=".2f"),
            "tokens",
            "dtype",
        ],
    )
    spread = base.mark_rule(strokeWidth=2, color="#3d4450").encode(x="low:Q", x2="high:Q")
    return (bars + spread).properties(height=alt.Step(34), description=title)


def _show(messages: Sequence[TimedStep], place: Any) -> None:
    rows = time_rows(messages)
    if not rows.empty:
        with place.container():
            st.markdown(f"**{time_finding(rows)}**")
            st.altair_chart(time_chart(rows), width="stretch")


def loss_words(messages: Sequence[TimedStep]) -> str:
    """How far apart the variants' losses are, in the last round that all finished."""
    complete = [m for m in messages if m.variant == messages[0].variant]
    n = len({m.variant for m in messages})
    for number in range(complete[-1].round, -1, -1):
        losses = [m.loss for m in messages if m.round == number]
        if len(losses) == n:
            return (
                f"The losses in step {number + 1} lie between {min(losses):.4f} and {max(losses):.4f}: "
                "what differs is the order of additions"
                + (
                    " and the precision."
                    if len({m.dtype for m in messages}) > 1
                    else ", not the result."
                )
            )
    return ""


def _losses(messages: Sequence[TimedStep]) -> None:
    st.caption(loss_words(messages))
    if store().n_active():
        st.caption("A run is training on the same cores, so these times are longer than alone.")
