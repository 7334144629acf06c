"""Ask the model: a streamed answer that can be stopped and is kept for the report, and the next-token view."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import altair as alt
import pandas as pd
import streamlit as st

from core.errors import UserError
from core.generate.settings import SamplingSettings, SamplingStep, sampling_steps
from core.generate.tokens import NextToken
from core.percent import percent
from core.runs.messages import Generate, Generated, NextTokensAfter
from pages.shared.colours import BLUE, GREY
from pages.shared.engine import current_model, engine, tokenizer
from pages.shared.plain import plain
from pages.shared.prepare import compute_button

SHOWN_IN_CHAIN = 6
"""Tokens in the small chart of each step."""
SHOTS = {"Zero-shot": 0, "One-shot": 1, "Few-shot (2)": 2, "Few-shot (4)": 4}
SAID = "before_said"
MOST_SAID = 30
"""Answers that a session keeps for its report."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """A question of this session, and the whole answer."""

    asked: Generate
    answer: str


def said_so_far() -> list[Said]:
    """The latest of this session, the oldest first."""
    return st.session_state.setdefault(SAID, [])


def answer(
    name: str,
    *,
    text: str,
    settings: SamplingSettings,
    label: str,
    raw: bool = False,
    forced: Sequence[int] = (),
) -> None:
    """A button that streams an answer, and one that stops it; the last answer stays on the page."""
    kept: list[Generated] = st.session_state.setdefault(f"{name}_kept", [])  # the latest
    go, halt = st.columns([2, 1])
    clicked = compute_button(label, key=name, place=go, is_primary=True, width="stretch")
    halt.button("Stop", key=f"{name}_stop", width="stretch")  # any click ends the stream
    place, note = st.empty(), st.empty()
    if clicked:
        kept.clear()
        try:
            asked = Generate(
                model=current_model().id,
                text=text,
                raw=raw,
                settings=settings,
                forced=tuple(forced),
            )
            for message in engine().ask(asked):
                kept[:] = [message]
                place.code(message.token.text or " ", language=None, wrap_lines=True)
            if kept and not forced:
                said = [*said_so_far(), Said(asked=asked, answer=kept[0].token.text)]
                st.session_state[SAID] = said[-MOST_SAID:]
        except UserError as error:
            place.error(plain(str(error)))
            return
    if kept:
        (last,) = kept
        token = last.token
        place.code(token.text or " ", language=None, wrap_lines=True)
        speed = token.n_tokens / max(token.elapsed_s, 1e-6)
        note.caption(
            f"{last.n_prompt} prompt tokens, {token.n_tokens} new tokens in "
            f"{token.elapsed_s:.1f} s ({speed:.0f} per second)."
            + ("" if token.ended else " It did not end by itself.")
        )


@dataclass
class Ahead:
    """Of one look ahead: the tokens taken so far, and what could come next."""

    forced: list[int] = field(default_factory=list[int])
    is_open: bool = False
    asked: NextTokensAfter | None = None
    rows: list[NextToken] = field(default_factory=list[NextToken])


def look_ahead(name: str, *, text: str, raw: bool, settings: SamplingSettings) -> None:
    """The twenty likeliest next tokens before and after the settings; choose one and go on."""
    ahead: Ahead = st.session_state.setdefault(f"{name}_ahead", Ahead())
    forced = ahead.forced
    asked = NextTokensAfter(
        model=current_model().id, text=text, raw=raw, settings=settings, forced=tuple(forced)
    )
    if compute_button("Show the next-token probabilities", key=f"{name}_show"):
        ahead.is_open = True
    if not ahead.is_open:
        return
    if ahead.asked != asked:
        try:
            (found,) = engine().ask(asked)
        except UserError as error:
            st.error(plain(str(error)))
            return
        ahead.asked, ahead.rows = asked, found.rows
    rows = ahead.rows
    steps = sampling_steps(settings)
    st.altair_chart(chain_chart(rows, steps), width="content")
    st.caption("Step by step, from left to right. A grey step is off: it changes nothing.")
    picked = st.altair_chart(
        next_token_chart(rows, last_on(steps)),
        width="stretch",
        key=f"{name}_chart_{len(forced)}",
        on_select="rerun",
    )
    likely = {row.id: row.token.replace("\n", "↵") for row in rows[:-1]}
    chosen = st.pills(
        "Take a token, here or by a click on its bar, and go on from there",
        list(likely),
        format_func=lambda i: f"“{plain(likely[i])}”",
        key=f"{name}_take_{len(forced)}",
        wrap=True,
    )
    clicked = picked.selection["token"] if picked.selection else []  # bars of the chart
    if clicked and clicked[0].get("id", -1) >= 0:
        chosen = int(clicked[0]["id"])
    if chosen is not None:
        forced.append(chosen)
        st.rerun()
    if forced:
        st.markdown(f"The answer so far: “{plain(tokenizer().decode(forced))}”")
        if st.button("Forget the chosen tokens", key=f"{name}_clear"):
            forced.clear()
            st.rerun()
        answer(
            f"{name}_on",
            text=text,
            raw=raw,
            settings=settings,
            forced=forced,
            label="Go on from here",
        )


def last_on(steps: Sequence[SamplingStep]) -> SamplingStep:
    """The last step that can change anything: what comes out of it, a token is drawn from."""
    return [step for step in steps if step.is_on][-1]


def chain_chart(rows: Sequence[NextToken], steps: Sequence[SamplingStep]) -> alt.HConcatChart:
    """The likeliest tokens after each step in turn, those that are off in grey."""
    words = [f"{step.name}: {step.setting if step.is_on else 'off'}" for step in steps]
    panels: list[alt.Chart] = []
    for number, step in enumerate(steps):
        frame = pd.DataFrame(
            [
                {
                    "token": f"{rank}. {row.token}".replace("\n", "↵"),
                    "probability": row.probabilities[step.name],
                }
                for rank, row in enumerate(rows[:SHOWN_IN_CHAIN], start=1)
            ]
        )
        axis = alt.Axis(labelOverlap=False, labelLimit=90) if number == 0 else None
        heading = alt.TitleParams(
            [f"→ {step.name}" if number else step.name, step.setting if step.is_on else "off"],
            fontSize=12,
            color=alt.Undefined if step.is_on else GREY,
        )
        panels.append(
            alt.Chart(frame, title=heading, width=95, height=alt.Step(16))
            .mark_bar(color=BLUE if step.is_on else GREY, opacity=1 if step.is_on else 0.35)
            .encode(
                y=alt.Y("token:N", sort=None, title=None, axis=axis),
                x=alt.X(
                    "probability:Q",
                    title=None,
                    scale=alt.Scale(domain=[0, 1]),
                    axis=alt.Axis(
                        values=[0, 1], labelExpr="format(100 * datum.value, '.0f') + '\u00a0%'"
                    ),
                ),
                tooltip=["token", alt.Tooltip("probability", format=".4f")],
            )
        )
    return alt.hconcat(*panels, spacing=12).properties(
        description=f"Chain: {', then '.join(words)}"
    )


def next_token_chart(rows: Sequence[NextToken], last: SamplingStep) -> alt.Chart:
    """Grey: the model alone. Blue: after the last step that is on; none where that is the model itself."""
    stage, after = last.name, f"after {last.name} ({last.setting})"
    both = (("model alone", "model"), (after, stage))[: 1 if stage == "model" else 2]
    names = [name for name, _ in both]
    shown = [
        {
            "token": f"{rank}. {row.token}".replace("\n", "↵"),
            "which": which,
            "probability": row.probabilities[key],
            "id": row.id,
        }
        for rank, row in enumerate(rows, start=1)
        for which, key in both
    ]
    first = rows[0]
    title = f"“{first.token.strip()}” is likeliest: {percent(first.probabilities['model'])} for the model alone"
    return (
        alt.Chart(pd.DataFrame(shown), title=title)
        .mark_bar()
        .encode(
            y=alt.Y("token:N", sort=None, title=None, axis=alt.Axis(labelOverlap=False)),
            yOffset=alt.YOffset("which:N", sort=names),
            x=alt.X("probability:Q", title="probability", scale=alt.Scale(domain=[0, 1])),
            color=alt.Color(
                "which:N",
                title=None,
                scale=alt.Scale(domain=names, range=[GREY, BLUE][: len(names)]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=["token", "which", alt.Tooltip("probability", format=".4f")],
        )
        .add_params(alt.selection_point("token", fields=["id"]))
        .properties(height=alt.Step(11), description=title)
    )
