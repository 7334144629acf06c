"""Recorded experiments, shipped with the app: what was measured, when, where and how.

Each is a view of recorded runs (core/recorded), once all of its runs are in their collection.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from statistics import median

from core import recorded as shipped
from core.config import RunConfig
from core.events import Evaluation, Event, Memory, Step, VirtualTokens
from core.experiments import methods, mitigations, mixtures, soft_prompts
from core.paths import ASSETS
from core.recorded import RecordedRun
from core.runs.store import RunSummary
from core.stamp import Stamp

FOLDER = ASSETS / "recorded"
SEEDS = (0, 1, 2)
VIEWS: dict[str, tuple[str, Callable[[], Iterable[RunConfig]]]] = {
    "cures": ("mitigations", lambda: mitigations.recorded_configs((), SEEDS)),
    "methods": ("methods", lambda: methods.recorded_configs((), SEEDS)),
    "mixtures": ("mixtures", lambda: mixtures.recorded_configs(SEEDS)),
    "soft_prompts": ("soft_prompts", lambda: soft_prompts.token_configs(SEEDS)),
}
"""Of each experiment its collection and which of its runs."""


@dataclass(frozen=True, kw_only=True)
class ViewedRun:
    """A recorded run as far as a comparison needs it."""

    config: RunConfig
    summary: RunSummary
    step_s: float
    """The median step."""
    events: tuple[Event, ...]
    """The evaluations, what the first step kept in memory, and of a soft prompt the last look at its virtual
    tokens."""

    @classmethod
    def of(cls, run: RecordedRun) -> "ViewedRun":
        happened = run.events(Evaluation, Memory, VirtualTokens, Step)
        tokens = [e for e in happened if isinstance(e, VirtualTokens)][-1:]
        return cls(
            config=run.config,
            summary=run.summary,
            step_s=round(median(e.step_s for e in happened if isinstance(e, Step)), 3),
            events=(*(e for e in happened if isinstance(e, Evaluation | Memory)), *tokens),
        )


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """Finished runs and how they came about."""

    experiment: str
    command: str
    machine: str
    date: str
    """UTC, of the last run."""
    base: tuple[Evaluation, ...]
    """The base model's evaluations, one of each task: what the runs began with."""
    runs: tuple[ViewedRun, ...]
    stamp: Stamp
    """Of all runs together."""

    def base_score(self, task: str) -> float | None:
        """The base model's score on a task, 0 to 1; None when it was not measured."""
        return next((e.score for e in self.base if e.task == task), None)

    @property
    def where(self) -> str:
        """Sentences for a caption."""
        return (
            f"Recorded on {self.date}: {len(self.runs)} runs on {self.machine}. {self.stamp.words}"
        )


@cache
def recorded(experiment: str) -> Recorded | None:
    """The shipped record of an experiment; None unless its collection holds every run of it."""
    if experiment not in VIEWS:
        return None
    name, configs = VIEWS[experiment]
    by_hash = shipped.collection(name).by_hash
    runs = list(filter(None, found := [by_hash.get(config.hash) for config in configs()]))
    if not runs or len(runs) < len(found):
        return None
    viewed = tuple(map(ViewedRun.of, runs))
    base: dict[str, Evaluation] = {}
    for event in (event for one in viewed for event in one.events):
        if isinstance(event, Evaluation) and event.step == 0:
            base.setdefault(event.task, event)
    stamp = Stamp.of_all([run.stamp for run in runs])
    return Recorded(
        experiment=experiment,
        command=f"python -m core record --only {name}",
        machine=stamp.machine,
        date=stamp.at[:10],
        base=tuple(base.values()),
        runs=viewed,
        stamp=stamp,
    )
