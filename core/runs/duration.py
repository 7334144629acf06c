"""How long a run is expected to take and to wait, by the runs that finished here and by its own steps.

Imports no torch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from math import isfinite, nan
from statistics import median

from core.config import FINAL_EXAMPLES, RunConfig
from core.errors import UserError
from core.events import Evaluation, Event, Step
from core.runs.record import Run

LONG_S = 600
"""A run that is expected to take longer asks first."""
MANY_EXAMPLES = 10_000
"""So does one that trains on more than so many, where no run on record tells how long that takes."""
FEW_EXAMPLES = 1_000
"""Nothing is worth asking below."""
FEWEST_ASKED = 10
"""A run that asked fewer prompts does not tell how long one takes: its validation loss took most of that time."""


def n_steps(config: RunConfig) -> int:
    """Optimizer steps of the whole run."""
    in_turn = len(config.data.tasks) if config.data.order == "sequential" else 1
    return config.optimizer.steps * in_turn


def check_steps(config: RunConfig) -> list[int]:
    """The steps at which a run is checked: before the first, at every so many, after the last of each task."""
    every, ends = config.evaluation.every, range(0, n_steps(config) + 1, config.optimizer.steps)
    found = [0]
    for start, end in pairwise(ends):
        found += [*range((start // every + 1) * every, end, every), end]
    return found


def n_asked(config: RunConfig, step: int) -> int:
    """How many prompts the check at a step asks; where it takes all test examples, the usual number stands."""
    wanted = config.evaluation
    everything = wanted.final_examples or FINAL_EXAMPLES
    is_whole = step % config.optimizer.steps == 0
    n_tasks = len(config.evaluation_tasks())
    return n_tasks * (everything if is_whole else min(wanted.examples, everything)) + len(
        wanted.prompts
    )


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Seconds that an example of a training step takes, and a prompt of a check."""

    example_s: float
    asked_s: float

    def whole_run_s(self, config: RunConfig) -> float:
        examples = n_steps(config) * config.optimizer.batch_size
        asked = sum(n_asked(config, step) for step in check_steps(config))
        return examples * self.example_s + asked * self.asked_s


def usual_pace(config: RunConfig, finished: list[Run]) -> Pace | None:
    """The median of the finished runs of the same model and method; None where there is none."""
    found = [pace for run in finished if (pace := _pace_of(run, config)) is not None]
    if not found:
        return None
    return Pace(
        example_s=median(pace.example_s for pace in found),
        asked_s=median(pace.asked_s for pace in found),
    )


def expected_s(config: RunConfig, finished: list[Run]) -> float | None:
    """Seconds that a run will take, by those that finished here; None where none is like it."""
    pace = usual_pace(config, finished)
    return pace.whole_run_s(config) if pace else None


def left_s(
    config: RunConfig, events: Sequence[Event], usual: Pace | None, *, since_start_s: float
) -> float | None:
    """Seconds that a run still takes: from its own steps and checks, before the first step from its `usual` pace."""
    steps = [e for e in events if isinstance(e, Step)]
    if not steps:
        return max(0.0, usual.whole_run_s(config) - since_start_s) if usual else None
    took = {e.step: e.elapsed_s for e in events if isinstance(e, Evaluation)}
    own = [step for step in took if step] or [0]  # the base model's answers may be remembered ones
    asked_s = usual.asked_s if usual and own == [0] else _asked_s(config, took, own)
    to_come = [step for step in check_steps(config) if step not in took and step]
    training_s = (n_steps(config) - steps[-1].step) * median(e.step_s for e in steps)
    return training_s + sum(n_asked(config, step) for step in to_come) * asked_s


def _asked_s(config: RunConfig, took: Mapping[int, float], steps: Sequence[int]) -> float:
    """Seconds a prompt in these checks of a run; 0 where no check says how long it took."""
    known = [step for step in steps if isfinite(took.get(step, nan))]
    asked = sum(n_asked(config, step) for step in known)
    return sum(took[step] for step in known) / asked if asked else 0.0


def _pace_of(run: Run, config: RunConfig) -> Pace | None:
    try:
        known = run.config
    except UserError:
        return None
    if (known.model, known.method.name) != (config.model, config.method.name):
        return None
    took, steps = run.summary, run.summary.steps
    if not steps or not took.train_s > 0 or not took.elapsed_s >= took.train_s:
        return None
    asked = sum(n_asked(known, step) for step in check_steps(known) if step <= steps)
    if asked < FEWEST_ASKED:
        return None
    return Pace(
        example_s=took.train_s / (steps * known.optimizer.batch_size),
        asked_s=(took.elapsed_s - took.train_s) / asked,
    )


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """The runs before one in the queue, and the seconds they still take; None where that is not known."""

    n_runs: int
    seconds: float | None


def ahead(run_id: str, active: Sequence[Run], seconds_of: Callable[[Run], float | None]) -> Ahead:
    """What waits or trains before a run; before a new one, whose id is "", all of it.

    `active` are the runs that train, then those that wait, as they will be taken; `seconds_of` says how long one still takes.
    """
    before = list(takewhile(lambda run: run.id != run_id, active))
    known = [seconds for run in before if (seconds := seconds_of(run)) is not None]
    return Ahead(n_runs=len(before), seconds=sum(known) if len(known) == len(before) else None)


def warning(config: RunConfig, expected: float | None) -> str:
    """What to ask before a long run starts; empty for others. `expected` are its seconds, where known."""
    n_examples = n_steps(config) * config.optimizer.batch_size
    if n_examples <= FEW_EXAMPLES:
        return ""
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
    """A duration, roughly: 12 s, 25 minutes, 3 hours."""
    if seconds < 90:
        return f"{max(1, round(seconds) if seconds < 20 else 5 * round(seconds / 5))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} minutes"
    hours = round(seconds / 3600)
    return f"{hours} hours" if hours < 36 else f"{round(hours / 24)} days"
