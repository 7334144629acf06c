"""Recorded runs without training: an index with the scores that a test plants, and events where it needs them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from core.config import RunConfig
from core.events import Evaluation, Event, Phase, Step
from core.recorded import RecordedRun, files, plan
from core.recorded.files import EVENTS
from core.recorded.run import AT
from core.runs.record import RunSummary
from core.stamp import Stamp

STAMP = Stamp(
    commit="abc", dtype="float32", device="cpu", machine="a machine", at="2026-11-28T10:00:00Z"
)


class Planted:
    """A folder of recorded runs that grows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._runs: dict[str, list[RecordedRun]] = {}

    def add(
        self,
        config: RunConfig,
        scores: Mapping[str, float],
        *,
        first: Mapping[str, float] | None = None,
        events: Sequence[Event] = (),
        identity: str = "code",
        collection: str = "planted",
    ) -> RecordedRun:
        """Record a run of a config with these scores at its end."""
        mine = self._runs.setdefault(collection, [])
        n = sum(map(len, self._runs.values()))
        run = RecordedRun(
            run_id=f"20261128-100000-{n:06x}",
            collection=collection,
            config_dict=config.to_dict(),
            config_hash=config.hash,
            identity=identity,
            command="python -m core train",
            seconds=2.5,
            stamp=STAMP,
            summary=RunSummary(
                scores=dict(scores), first_scores=dict(first or {}), trainable_params=1_000
            ),
            folder=self.folder / collection,
        )
        lines = [{**event.to_dict(), AT: float(i)} for i, event in enumerate(events)]
        files.write_lines(run.folder / f"{run.run_id}{EVENTS}", [run.to_dict(), *lines])
        mine.append(run)
        plan.keep(collection, mine, self.folder)
        return run


def evaluation(step: int, task: str, score: float) -> Evaluation:
    return Evaluation(
        step=step,
        task=task,
        n=48,
        score=score,
        metric="exact_match",
        interval=(score - 0.1, score + 0.1),
    )


def sequence_events(matrix: Sequence[Sequence[float]], tasks: Sequence[str]) -> list[Event]:
    """A run of ten steps a task, whose scores are the rows of `matrix`: first of the base model."""
    events: list[Event] = []
    for i, task in enumerate(tasks):
        events.append(Phase(index=i, task=task, first_step=10 * i + 1, last_step=10 * (i + 1)))
    for row, values in enumerate(matrix):
        events += [evaluation(10 * row, task, s) for task, s in zip(tasks, values, strict=True)]
    return events


def short_events(task: str, before: float, after: float) -> list[Event]:
    """Two checks and the steps between them."""
    steps = [
        Step(
            step=step,
            loss=1.0 / step,
            learning_rate=1e-3,
            grad_norm=1.0,
            examples_per_s=9.0,
            tokens_per_s=900.0,
            tokens_computed=300,
            tokens_padded=600,
            step_s=0.5,
            elapsed_s=0.5 * step,
        )
        for step in (1, 2, 3)
    ]
    return [evaluation(0, task, before), *steps, evaluation(3, task, after)]
