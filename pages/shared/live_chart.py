"""Charts of a run that is followed: built when there is something new to draw, not at every look between."""

from collections.abc import Callable, Generator, Hashable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import altair as alt
import streamlit as st

from core.events import Evaluation, Event, Step, Validation

AnyChart = alt.Chart | alt.LayerChart | alt.FacetChart
Shown = tuple[Hashable, ...]
_IS_KEPT_AROUND: ContextVar[bool] = ContextVar("kept around", default=False)


def live_chart(shown: Shown, build: Callable[[], AnyChart]) -> None:
    """Draw what `build` makes. `shown` is all that it depends on: as long as that is the same, the chart is sent
    again as it was. To build one and put it into Vega's words takes the server 20 to 40 ms."""
    if _IS_KEPT_AROUND.get():
        st.altair_chart(build(), width="stretch")
    else:
        _drawn(hash(shown), build)


@contextmanager
def kept_around() -> Generator[None]:
    """Inside, charts are not kept one by one: who draws keeps them in a cached function of its own. Of one within
    the other, Streamlit forgets in which container of the outer one the inner one drew."""
    token = _IS_KEPT_AROUND.set(True)
    try:
        yield
    finally:
        _IS_KEPT_AROUND.reset(token)


@st.cache_data(show_spinner=False, max_entries=256)
def _drawn(shown: int, _build: Callable[[], AnyChart]) -> None:
    """Streamlit keeps what a cached function draws, too."""
    del shown
    st.altair_chart(_build(), width="stretch")


def losses_in(events: Sequence[Event]) -> Shown:
    return tuple((type(e), e.step, e.loss) for e in events if isinstance(e, Step | Validation))


def scores_in(events: Sequence[Event]) -> Shown:
    return tuple((e.task, e.step, e.score, e.n) for e in events if isinstance(e, Evaluation))
