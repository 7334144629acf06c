"""The runs of a class on one plane: how well the new task was learned, against what was kept of another.

Kept is a task that the run never saw while it trained: what it was trained on says nothing of what it kept. A run
that still trains stands where its latest check puts it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from core.evaluate.uncertainty import wilson_interval
from core.events import Evaluation, Event
from core.experiments.plane import tasks_seen
from core.runs.record import Run


@dataclass(frozen=True, kw_only=True)
class Score:
    value: float
    """0 to 1."""
    n: int
    """Test examples."""

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, over test examples."""
        return wilson_interval(round(self.value * self.n), self.n)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A run on the plane."""

    run_id: str
    spaces: tuple[str, ...]
    """Who has it: equal runs are computed once."""
    task: str
    """The new one."""
    method: str
    rate: float
    learned: Score
    kept: Score
    base: float
    """What the base model had of the kept task."""
    step: int
    is_over: bool


def place(run: Run, events: Iterable[Event], *, kept: str, spaces: Iterable[str]) -> Place | None:
    """None where a run has no check after its first step yet, measured no such task, or trained on it."""
    config = run.valid_config
    if config is None or kept in tasks_seen(config):
        return None
    first: dict[str, Evaluation] = {}
    last: dict[str, Evaluation] = {}
    for event in events:
        if isinstance(event, Evaluation):
            first.setdefault(event.task, event)
            last[event.task] = event
    new = config.data.task
    if new not in last or kept not in last or min(last[new].step, last[kept].step) == 0:
        return None
    return Place(
        run_id=run.id,
        spaces=tuple(spaces),
        task=new,
        method=config.method.name,
        rate=config.optimizer.learning_rate,
        learned=Score(value=last[new].score, n=last[new].n),
        kept=Score(value=last[kept].score, n=last[kept].n),
        base=first[kept].score,
        step=min(last[new].step, last[kept].step),
        is_over=run.status.is_over,
    )
