"""Charts of a run that is followed: built when there is something new to draw, not at every look between."""

from collections.abc import Callable, Hashable, Sequence

import altair as alt
import streamlit as st

from core.events import Evaluation, Event, Step, Validation

AnyChart = alt.Chart | alt.LayerChart | alt.FacetChart
Shown = tuple[Hashable, ...]


def live_chart(shown: Shown, build: Callable[[], AnyChart]) -> None:
    """Draw what `build` makes. `shown` is all that it depends on: as long as that is the same, the chart is sent
    again as it was. To build one and put it into Vega's words takes the server 20 to 40 ms."""
    _drawn(hash(shown), build)


@st.cache_data(show_spinner=False, max_entries=256)
def _drawn(shown: int, _build: Callable[[], AnyChart]) -> None:
    """Streamlit keeps what a cached function draws, too."""
    del shown
    st.altair_chart(_build(), width="stretch")


def losses_in(events: Sequence[Event]) -> Shown:
    return tuple((type(e), e.step, e.loss) for e in events if isinstance(e, Step | Validation))


def scores_in(events: Sequence[Event]) -> Shown:
    return tuple((e.task, e.step, e.score, e.n) for e in events if isinstance(e, Evaluation))
