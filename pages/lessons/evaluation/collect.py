"""A measurement on a test set: asked for with progress, stoppable, kept for all readers of this server."""

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

import streamlit as st

from core.evaluate.examples import Judged
from core.evaluate.thresholds import LabelRow
from core.runs.messages import Answers, AskLabels, Evaluate, Evaluated, LabelProbabilities
from core.runs.rights import check_request
from pages.shared.engine import engine, store
from pages.shared.prepare import compute_button

MOST_KEPT = 60
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Found(Generic[R]):
    """What came of a measurement; all of it, or until it was stopped."""

    rows: list[R]
    max_new_tokens: int = 0
    """Of the answers; 0 where none were written."""
    n_trained_on: int | None = 0


@dataclass
class Partial:
    """What has come of a measurement so far."""

    request: Evaluate | AskLabels
    rows: list[Any] = field(default_factory=list[Any])
    of: int = 0
    max_new_tokens: int = 0
    n_trained_on: int | None = 0

    def take(self, message: Answers | Evaluated | LabelProbabilities) -> None:
        if isinstance(message, Evaluated):  # the run's own pairs may be gone: then nobody knows
            self.n_trained_on = message.n_trained_on
            return
        self.rows += message.rows
        self.of = message.of
        if isinstance(message, Answers):
            self.max_new_tokens = message.max_new_tokens
            self.n_trained_on = sum(row.trained_on for row in self.rows)

    def found(self) -> Found[Any]:
        return Found(
            rows=sorted(self.rows, key=lambda row: row.number),
            max_new_tokens=self.max_new_tokens,
            n_trained_on=self.n_trained_on,
        )


@st.cache_resource(show_spinner=False)
def kept() -> dict[Evaluate | AskLabels, Found[Any]]:
    """Finished measurements of this server. Greedy answers do not change, so all readers share them."""
    return {}


@overload
def collect(request: Evaluate, *, label: str, key: str) -> Found[Judged]: ...
@overload
def collect(request: AskLabels, *, label: str, key: str) -> Found[LabelRow]: ...
def collect(request: Evaluate | AskLabels, *, label: str, key: str) -> Found[Any]:
    """Rows of a measurement: those kept, or asked for at the press of a button, with progress.

    Any click stops it; what has come by then is shown.
    """
    check_request(request, store())
    if request in kept():
        return kept()[request]
    partial: Partial | None = st.session_state.get(f"{key}_partial")
    if partial and partial.request != request:
        partial = None
    go, halt = st.columns([2, 1])
    clicked = compute_button(label, key=f"{key}_start", place=go, is_primary=True, width="stretch")
    halt.button("Stop", key=f"{key}_stop", width="stretch")  # any click ends the loop below
    place = st.empty()
    if clicked:
        partial = st.session_state[f"{key}_partial"] = Partial(request)
        place.progress(0.0, text="Waiting for the model")
        for message in engine().ask(request, beat=True):
            if message:
                partial.take(message)
            if partial.of:  # redrawn every second: this is where a click stops the loop
                n = len(partial.rows)
                place.progress(n / partial.of, text=f"{n} of {partial.of} examples")
            else:
                place.progress(0.0, text="Waiting for the model")
        while len(kept()) >= MOST_KEPT:
            kept().pop(next(iter(kept())), None)
        kept()[request] = partial.found()
        del st.session_state[f"{key}_partial"]
        st.rerun()
    if partial is None:
        return Found(rows=[])
    n = len(partial.rows)
    st.caption(
        f"Stopped after {n} of {partial.of} examples; the figures cover these."
        if n
        else "Stopped before the first answer."
    )
    return partial.found()
