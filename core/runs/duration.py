"""How long a run is expected to take, by the runs that finished here. Imports no torch."""

from statistics import median

from core.config import RunConfig
from core.errors import UserError
from core.runs.record import Run
from core.runs.store import RunStore

LONG_S = 600
"""A run that is expected to take longer asks first."""
MANY_EXAMPLES = 10_000
"""So does one that trains on more than so many, where no run on record tells how long that takes."""
FEW_EXAMPLES = 1_000
"""Nothing is worth asking below."""


def n_steps(config: RunConfig) -> int:
    """Optimizer steps of the whole run."""
    in_turn = len(config.data.tasks) if config.data.order == "sequential" else 1
    return config.optimizer.steps * in_turn


def n_checks(config: RunConfig) -> int:
    return n_steps(config) // config.evaluation.every + 2


def expected_s(config: RunConfig, finished: list[Run]) -> float | None:
    """Seconds that a run will take, by those that finished here; None where none is like it.

    Alike are runs of the same model and method. What an example of a training step and what a check took is
    scaled to this run's numbers; the median of the runs counts.
    """
    found = [guess for run in finished if (guess := _scaled(config, run)) is not None]
    return median(found) if found else None


def _scaled(config: RunConfig, run: Run) -> float | None:
    try:
        known = run.config
    except UserError:
        return None
    if (known.model, known.method.name) != (config.model, config.method.name):
        return None
    took, steps = run.summary, run.summary.steps
    if not steps or not took.train_s > 0 or not took.elapsed_s >= took.train_s:
        return None
    per_example_s = took.train_s / (steps * known.optimizer.batch_size)
    per_check_s = (took.elapsed_s - took.train_s) / n_checks(known)
    examples = n_steps(config) * config.optimizer.batch_size
    return examples * per_example_s + n_checks(config) * per_check_s


def warning(config: RunConfig, store: RunStore) -> str:
    """What to ask before a long run starts; empty for others."""
    n_examples = n_steps(config) * config.optimizer.batch_size
    if n_examples <= FEW_EXAMPLES:
        return ""
    expected = expected_s(config, store.finished())
    if expected is None:
        if n_examples <= MANY_EXAMPLES:
            return ""
        return (
            f"This run trains on {n_examples:,} examples, and no run of its method has finished here "
            "that could tell how long that takes. Other runs wait meanwhile."
        )
    if expected <= LONG_S:
        return ""
    return f"This run will take about {in_words(expected)}. Other runs wait meanwhile."


def in_words(seconds: float) -> str:
    """A duration, roughly: 25 minutes, 3 hours."""
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} minutes"
    hours = round(seconds / 3600)
    return f"{hours} hours" if hours < 36 else f"{round(hours / 24)} days"
