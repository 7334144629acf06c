"""How long runs still take and wait, for the pages of everybody: seconds and numbers of runs, never whose they are.

A learner's own finished runs tell little at first, and what trains before theirs is somebody else's. So this looks at
the whole store, and gives nothing out but figures.
"""

import threading
from time import monotonic
from time import time as now

from core.config import RunConfig
from core.errors import UserError
from core.runs.duration import Ahead, Pace, ahead, left_s, usual_pace
from core.runs.event_cache import EventCache
from core.runs.record import Run
from core.runs.store import RunStore
from core.visitor import Visitor

LOOK_UP_S = 30.0
"""What finished runs took is looked up again after so long."""


class Forecast:
    """Safe to share between threads; a server has one."""

    def __init__(self, store: RunStore, events: EventCache) -> None:
        self._store = store
        self._events = events
        self._finished: list[Run] = []
        self._looked_up = -LOOK_UP_S
        self._paces: dict[tuple[str, str], Pace | None] = {}
        self._lock = threading.Lock()

    def pace(self, config: RunConfig) -> Pace | None:
        """That of the runs of the same model and method which have finished here; None without one."""
        kind, at = (config.model, config.method.name), monotonic()
        with self._lock:
            if at - self._looked_up >= LOOK_UP_S:
                self._finished, self._looked_up = self._store.finished(), at
                self._paces = {}
            if kind not in self._paces:
                self._paces[kind] = usual_pace(config, self._finished)
            return self._paces[kind]

    def expected_s(self, config: RunConfig) -> float | None:
        """Seconds of a whole run; None where nothing tells."""
        pace = self.pace(config)
        return pace.whole_run_s(config) if pace else None

    def seconds_left(self, run: Run) -> float | None:
        """Seconds that a run still takes once it trains; None where nothing tells."""
        try:
            config = run.config
        except UserError:
            return None
        since = now() - run.started_at if run.started_at else 0.0
        events = self._events.events(run.id) if run.started_at else []
        return left_s(config, events, self.pace(config), since_start_s=since)

    def ahead(self, run_id: str) -> Ahead:
        """What trains or comes before a run that waits."""
        return ahead(run_id, self._store.active(), self.seconds_left)

    def ahead_of_new(self, visitor: Visitor) -> Ahead:
        """What trains or would come before a run that a visitor starts now, at most: within their turn others may
        be larger."""
        return ahead("", self._store.active_before_new(visitor), self.seconds_left)
