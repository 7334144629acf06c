"""The events of runs for a process that shows them again and again: only new ones are read from the store."""

import threading
from collections import OrderedDict

from core.events import Event
from core.runs.attempts import of_last_attempt
from core.runs.store import RunStore

RUNS_KEPT = 128
"""A run has some hundred events of about 1 KB; the run looked at longest ago goes first."""


class EventCache:
    """Safe to share between threads. Events never change once they are recorded, so they are kept."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self._known: OrderedDict[str, list[Event]] = OrderedDict()
        self._lock = threading.Lock()

    def events(self, run_id: str) -> list[Event]:
        """All events of a run, in order, as `RunStore.events` gives them. Do not write into the list."""
        with self._lock:
            known = self._known.get(run_id, [])
        new = self.store.events(run_id, after=len(known))
        found = [*known, *new]
        with self._lock:
            if len(found) >= len(self._known.get(run_id, [])):  # else another thread knows more
                self._known[run_id] = found
            self._known.move_to_end(run_id)
            while len(self._known) > RUNS_KEPT:
                self._known.popitem(last=False)
        return of_last_attempt(found)

    def forget(self, run_id: str) -> None:
        """Drop the events of a run that was deleted."""
        with self._lock:
            self._known.pop(run_id, None)
