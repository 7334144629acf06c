"""Recorded runs without training: an index with the scores that a test plants, and events where it needs them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from core.config import RunConfig
from core.events import Evaluation, Event, Phase
from core.recorded import RecordedRun, files, plan
from core.recorded.files import EVENTS
from core.recorded.run import AT
from core.runs.record import RunSummary
from core.stamp import Stamp

STAMP = Stamp(commit="abc", dtype="float32", device="cpu", machine="a machine", at="2026-11-28")
Plant = Callable[..., RecordedRun]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Record a config with these scores at its end, in the collection `planted` of the folder `tmp_path`."""
    runs: list[RecordedRun] = []

    def plant_one(
        config: RunConfig,
        scores: Mapping[str, float],
        *,
        first: Mapping[str, float] | None = None,
        events: tuple[Event, ...] = (),
        identity: str = "code",
        trained: int = 1_000,
    ) -> RecordedRun:
        run = RecordedRun(
            run_id=f"20261128-100000-{len(runs):06x}",
            collection="planted",
            config_dict=config.to_dict(),
            config_hash=config.hash,
            identity=identity,
            command="python -m core train",
            seconds=2.5,
            stamp=STAMP,
            summary=RunSummary(
                scores=dict(scores), first_scores=dict(first or {}), trainable_params=trained
            ),
            folder=tmp_path / "planted",
        )
        lines = [{**event.to_dict(), AT: 0.0} for event in events]
        files.write_lines(run.folder / f"{run.run_id}{EVENTS}", [run.to_dict(), *lines])
        runs.append(run)
        plan.keep("planted", runs, tmp_path)
        return run

    return plant_one


def sequence_events(matrix: list[list[float]], tasks: tuple[str, ...]) -> tuple[Event, ...]:
    """A run of ten steps a task, whose scores are the rows of `matrix`: first of the base model."""
    phases = [
        Phase(index=i, task=task, first_step=10 * i + 1, last_step=10 * (i + 1))
        for i, task in enumerate(tasks)
    ]
    scores = [
        Evaluation(
            step=10 * row,
            task=task,
            n=48,
            score=score,
            metric="exact_match",
            interval=(score - 0.1, score + 0.1),
        )
        for row, values in enumerate(matrix)
        for task, score in zip(tasks, values, strict=True)
    ]
    return (*phases, *scores)
