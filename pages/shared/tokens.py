"""Tokens drawn as chips, with what the loss sees and how much each costs."""

import html
from collections.abc import Sequence

import streamlit as st

from core.train.phases import MarkedToken

SEEN = "rgba(0,114,178,.32)"
HIDDEN = "rgba(138,143,152,.18)"


LOSS_HINTS = ("the loss sees this token", "the loss does not look here")


def show_marked(
    tokens: Sequence[MarkedToken], *, label: str, hints: tuple[str, str] = LOSS_HINTS
) -> None:
    """Draw tokens: blue where seen, grey elsewhere, `hints` on hover."""
    chips: list[str] = []
    for token in tokens:
        text = html.escape(token.token).replace("\n", "↵")
        hint = hints[0] if token.seen else hints[1]
        if token.loss is not None:
            hint += f": {token.loss:.2f} nats"
        below = "" if token.loss is None else f"<sub> {token.loss:.1f}</sub>"
        style = (
            f"background:{SEEN if token.seen else HIDDEN};border-radius:4px;"
            "padding:1px 3px;margin:1px;display:inline-block;white-space:pre"
        )
        chips.append(f'<span style="{style}" title="{hint}">{text or "·"}{below}</span>')
    st.html(
        f'<div role="img" aria-label="{html.escape(label)}" '
        f'style="line-height:1.9;font-family:monospace;font-size:.85rem">{"".join(chips)}</div>'
    )
