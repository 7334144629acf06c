"""A lesson's experiment on one screen: the question and Run at the left, what comes of it at the right.

`experiment()` gives the two places; where the window is narrow, the right one stands below. Few settings
stand at the left, the rest in `more_settings()`. A guess is asked for with `ask_guess` at the left, and
`show_guess` sets it beside what came, at the right. How wide and high all this is says
assets/components/page.css.
"""

import html
from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.paths import ASSETS

FOLDER = ASSETS / "components"


def page_style() -> None:
    """The spacing of every page, a link past the navigation, and links that stay in the tab; app.py draws them in each
    rerun."""
    st.html(FOLDER / "page.css")
    if st.context.theme.type == "dark":
        st.html(FOLDER / "dark.css")
    st.html(FOLDER / "page.html", unsafe_allow_javascript=True)


def experiment() -> tuple[DeltaGenerator, DeltaGenerator]:
    """The place of question, settings and Run, and the place of the live result."""
    left, right = st.columns([2, 3], gap="medium")
    return left, right


def more_settings(label: str = "More settings") -> DeltaGenerator:
    """A popover for the settings that a first run can do without. Their values count while it is closed."""
    return st.popover(label, icon=":material/tune:", width="stretch")


def ask_guess(question: str, options: Sequence[str], *, key: str, is_locked: bool = False) -> str:
    """The reader's guess, or "". It is not in the address: a link must not tell it to others."""
    label = f"**Guess first:** {question}"
    guess = st.radio(label, options, index=None, key=key, disabled=is_locked)
    return guess or ""


def show_guess(guess: str, came: str, *, is_right: bool | None = None) -> None:
    """The guess beside what came; `came` is a sentence, `is_right` None where it cannot be told."""
    if not guess:
        return
    verdict = {True: " You were right.", False: " It came otherwise.", None: ""}[is_right]
    said = html.escape(f"Your guess: {guess}. {came}{verdict}")
    st.html(f'<div class="guess" role="status">{said}</div>')
