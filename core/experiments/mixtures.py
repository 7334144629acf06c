"""Multi-task tuning: all tasks at once, against one task alone, and a task never trained on.

The order of `TRAINED` decides which tasks a mixture of k has: the first k.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from core import catalog
from core.config import DataConfig, EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig
from core.evaluate.apart import are_apart, mean_of_independent
from core.evaluate.form_and_label import Line, lines, mean_lines, what_was_taught
from core.events import Evaluation, Event

TRAINED = ("sentiment", "names", "topic", "emotion", "qa", "summary", "paraphrase")
HELD_OUT = "formality"
"""Never trained on: does tuning on other tasks carry over to it?"""
GENERAL = "general"
SCORED = (*TRAINED, HELD_OUT, GENERAL)
METHOD, RATE, STEPS = "full", 1e-4, 30
CHECK_EVERY = 10
"""Steps between two checks of a run that one watches."""
SIZES = (1, 2, 4, len(TRAINED))
"""How many tasks the recorded mixtures have."""


def mixture_config(
    tasks: Sequence[str],
    *,
    weights: Sequence[float] = (),
    method: str = METHOD,
    rate: float = RATE,
    steps: int = STEPS,
    seed: int = 0,
    every: int = 10_000,
) -> RunConfig:
    """Tune on `tasks` together and score every task before and after; each batch mixes by `weights`.

    `every` steps, the live set is scored in between.
    """
    return RunConfig(
        data=DataConfig(task=tasks[0], others=tuple(tasks[1:]), weights=tuple(weights)),
        method=MethodConfig(name=method),
        optimizer=OptimizerConfig(learning_rate=rate, steps=steps, schedule="linear"),
        evaluation=EvaluationConfig(
            tasks=tuple(task for task in SCORED if task not in tasks),
            every=every,
            samples=1,
        ),
        seed=seed,
    )


def recorded_configs(seeds: Sequence[int]) -> Iterator[RunConfig]:
    """Mixtures of 1, 2, 4 and all tasks, and each task alone, scored on the way as one that is watched."""
    for seed in seeds:
        for k in SIZES:
            yield mixture_config(TRAINED[:k], seed=seed, every=CHECK_EVERY)
        for task in TRAINED[1:]:
            yield mixture_config((task,), seed=seed, every=CHECK_EVERY)


@dataclass(frozen=True, kw_only=True)
class TaskScore:
    """A task's score, 0 to 1, before and after a run."""

    task: str
    before: float
    after: float
    interval: tuple[float, float]
    """95 % interval of `after`, over test examples."""
    before_interval: tuple[float, float]
    n: int
    lines_before: tuple[Line, ...] = ()
    """Right form and likeliest label, where the task has labels and they were measured."""
    lines: tuple[Line, ...] = ()

    @property
    def change(self) -> float:
        return self.after - self.before


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """One run over a set of tasks."""

    tasks: tuple[str, ...]
    seed: int
    scores: dict[str, TaskScore]
    is_recorded: bool
    run_id: str = ""

    def mean(self, tasks: Sequence[str], *, before: bool = False) -> float | None:
        """Mean score over `tasks`; None when one of them was not scored."""
        if not tasks or any(task not in self.scores for task in tasks):
            return None
        found = [self.scores[task] for task in tasks]
        return sum(s.before if before else s.after for s in found) / len(found)

    def mean_interval(self, tasks: Sequence[str], *, before: bool = False) -> tuple[float, float]:
        """95 % interval of `mean`, over test examples; every task has its own."""
        found = [self.scores[task] for task in tasks]
        return mean_of_independent(
            [s.before if before else s.after for s in found],
            [s.before_interval if before else s.interval for s in found],
        )

    @property
    def untrained(self) -> tuple[str, ...]:
        """Tasks of the lesson that this run did not train on, without the held-out one."""
        return tuple(task for task in TRAINED if task not in self.tasks)


def mixture(
    config: RunConfig | None,
    events: Sequence[Event],
    *,
    run_id: str = "",
    is_recorded: bool = False,
) -> Mixture | None:
    """What a run over mixed tasks scored; None for a sequence, other data, or before its end."""
    if config is None or config.data.order == "sequential":
        return None
    tasks = config.data.tasks
    if any(task not in catalog.TASKS for task in tasks):
        return None
    found = [e for e in events if isinstance(e, Evaluation)]
    last = max((e.step for e in found), default=0)
    first_of = {e.task: e for e in found if e.step == 0}
    scores = {
        e.task: TaskScore(
            task=e.task,
            before=first_of[e.task].score,
            after=e.score,
            interval=e.interval,
            before_interval=first_of[e.task].interval,
            n=e.n,
            lines_before=tuple(lines(first_of[e.task])),
            lines=tuple(lines(e)),
        )
        for e in found
        if e.step == last and e.task in first_of
    }
    if last == 0:
        return None
    return Mixture(
        tasks=tasks,
        seed=config.seed,
        scores=scores,
        run_id=run_id,
        is_recorded=is_recorded,
    )


def mean_task_lines(found: Sequence[Mixture], task: str, *, before: bool = False) -> list[Line]:
    """Right form and likeliest label of a task, seeds taken together; [] where they were not measured."""
    scores = [m.scores[task] for m in found]
    return mean_lines([s.lines_before if before else s.lines for s in scores])


def carried_over(found: Sequence[Mixture]) -> str:
    """What tuning on other tasks did for the held-out one, in sentences, seeds taken together.

    A score that rose from 0 may be the form of the answer alone, so both lines are said.
    """
    scores = [m.scores[HELD_OUT] for m in found]
    before, after = (
        tuple(fmean(ends) for ends in zip(*intervals, strict=True))
        for intervals in ([s.before_interval for s in scores], [s.interval for s in scores])
    )
    if not are_apart(before, after):
        return "The 95 % intervals overlap, so these runs do not show that anything carries over."
    if after[0] < before[0]:
        return "The 95 % intervals do not overlap: it got worse, so nothing good carried over."
    taught = what_was_taught(
        mean_task_lines(found, HELD_OUT, before=True), mean_task_lines(found, HELD_OUT)
    )
    said = "The 95 % intervals do not overlap. "
    return said + (
        taught
        or "Whether more than the form of the answer carried over was not measured in these runs."
    )
