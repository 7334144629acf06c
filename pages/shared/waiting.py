"""How long a run still waits and trains, in words: its place in the queue and seconds.

Seconds come from the run's own steps and checks, and before these from finished runs like it
(core/runs/duration.py). What those took is looked up every half minute.
"""

from collections.abc import Sequence
from time import time as now

import streamlit as st

from core.config import RunConfig
from core.data.listing import count
from core.errors import UserError
from core.runs.duration import Ahead, Pace, ahead, in_words, left_s, usual_pace
from core.runs.store import Run
from pages.shared.engine import events_of, store

LOOK_UP_S = 30


@st.cache_resource(show_spinner=False, ttl=LOOK_UP_S, max_entries=100)
def _pace(model: str, method: str, _config: RunConfig) -> Pace | None:
    return usual_pace(_config, store().finished())


def seconds_left(run: Run) -> float | None:
    """Seconds that a run still takes once it trains; None where nothing tells."""
    try:
        config = run.config
    except UserError:
        return None
    pace = _pace(config.model, config.method.name, config)
    since = now() - run.started_at if run.started_at else 0.0
    return left_s(config, events_of(run.id), pace, since_start_s=since)


def left_words(run: Run) -> str:
    """Such as ", about 12 s left"; "" where nothing tells."""
    seconds = seconds_left(run)
    return "" if seconds is None else f", about {in_words(seconds)} left"


def all_left_words(runs: Sequence[Run]) -> str:
    """The same of several runs, one after another."""
    known = [s for run in runs if (s := seconds_left(run)) is not None]
    return f", about {in_words(sum(known))} left" if known and len(known) == len(runs) else ""


def before(run_id: str = "") -> Ahead:
    """What waits or trains before a run, or before a new one."""
    return ahead(run_id, store().active(), seconds_left)


def place_words(run_id: str) -> str:
    """Where a waiting run stands: "2 runs before yours, about 40 s."."""
    found = before(run_id)
    if not found.n_runs:
        return "Yours is next."
    return f"{count(found.n_runs, 'run')} before yours{_about(found)}."


def queue_words() -> str:
    """What a new run would wait for; "" for nothing."""
    found = before()
    if not found.n_runs:
        return ""
    return f"A new run waits for {count(found.n_runs, 'other')}{_about(found)}."


def _about(found: Ahead) -> str:
    if found.seconds is None:
        return ": how long, no finished run tells yet"
    return f", about {in_words(found.seconds)}"
