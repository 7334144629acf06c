"""How often pages look at a run: less often the more readers of this server do so at once."""

from threading import Lock
from time import monotonic
from uuid import uuid4

import streamlit as st

LOOKS_PER_S = 10
"""Of all readers together. More would take the processor from their clicks: a look takes 15 to 40 ms of it."""
RECENT_S = 15.0
READER = "pace_reader"
"""In the session: a name for it."""


class Readers:
    """Those who follow a run now. Safe to share between threads."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self._lock = Lock()

    def slower(self, reader: str, now_s: float) -> int:
        """By how much each of them is to look less often: 1, 2, 4 …; this reader is one of them from now on."""
        with self._lock:
            self._seen[reader] = now_s
            self._seen = {who: at for who, at in self._seen.items() if now_s - at < RECENT_S}
            n_readers = len(self._seen)
        times = 1
        while times * LOOKS_PER_S < n_readers:
            times *= 2
        return times


@st.cache_resource(show_spinner=False)
def _readers() -> Readers:
    return Readers()


def shared_pace(usual_s: float) -> float:
    """Seconds until this reader's page looks again, where one reader alone would wait `usual_s`."""
    reader: str = st.session_state.setdefault(READER, uuid4().hex)
    return usual_s * _readers().slower(reader, monotonic())
