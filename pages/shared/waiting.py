"""How long a run still waits and trains, in words: its place in the queue and seconds.

Seconds come from the run's own steps and checks, and before these from finished runs like it
(core/runs/forecast.py).
"""

from collections.abc import Sequence

from core.data.listing import count
from core.runs.duration import Ahead, in_words
from core.runs.store import Run
from pages.shared.engine import forecast
from pages.shared.visitor import visitor


def seconds_left(run: Run) -> float | None:
    """Seconds that a run still takes once it trains; None where nothing tells."""
    return forecast().seconds_left(run)


def left_words(run: Run) -> str:
    """Such as ", about 12 s left"; "" where nothing tells."""
    seconds = seconds_left(run)
    return "" if seconds is None else f", about {in_words(seconds)} left"


def all_left_words(runs: Sequence[Run]) -> str:
    """The same of several runs, one after another."""
    known = [s for run in runs if (s := seconds_left(run)) is not None]
    return f", about {in_words(sum(known))} left" if known and len(known) == len(runs) else ""


def place_words(run: Run) -> str:
    """Where a waiting run stands: "2 runs before yours, about 40 s."."""
    found = forecast().ahead(run.id)
    if not found.n_runs:
        return "Yours is next."
    return f"{count(found.n_runs, 'run')} before yours{_about(found)}."


def queue_words() -> str:
    """What a new run would wait for; "" for nothing."""
    found = forecast().ahead_of_new(visitor())
    if not found.n_runs:
        return ""
    return f"A new run waits for {count(found.n_runs, 'other')}{_about(found)}."


def _about(found: Ahead) -> str:
    if found.seconds is None:
        return ": how long, no finished run tells yet"
    return f", about {in_words(found.seconds)}"
