"""Recorded runs without training: real events of the app's kinds, written and read by the real files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.config import RunConfig
from core.events import (
    Event,
    Finished,
    MatrixMovement,
    Movement,
    NextTokens,
    Sample,
    Started,
    Step,
    TokenProbability,
    Validation,
)
from core.quiet import Watch
from core.recorded import RecordedRun, files, plan
from core.recorded.files import EVENTS
from core.recorded.run import AT
from core.runs.record import RunSummary
from core.stamp import Stamp
from tests import watches

STAMP = Stamp(
    commit="abc",
    dtype="float32",
    device="cpu",
    flags=("avx2",),
    machine="a machine",
    at="2026-11-28T10:00:00Z",
)


def watch(*others: float) -> Watch:
    """The last goes on."""
    return watches.watch(*others, afterwards=others[-1])


def events_of(run_id: str, *, n_steps: int = 3) -> list[Event]:
    """A short run's."""
    started = Started(
        run_id=run_id,
        model="m",
        method="lora",
        task="sentiment",
        device="cpu",
        dtype="float32",
        n_train=10,
        n_validation=2,
        n_test=4,
        trainable_params=5,
        total_params=100,
    )
    found: list[Event] = [started, Validation(step=0, loss=1.23456789, n=2)]
    for step in range(1, n_steps + 1):
        found.append(
            Step(
                step=step,
                loss=float("nan") if step == 2 else 0.123456789,
                learning_rate=3e-4 / step,
                grad_norm=1.0,
                examples_per_s=9.87654321,
                tokens_per_s=123456.789,
                tokens_computed=321,
                tokens_padded=654,
                step_s=0.5,
                elapsed_s=0.5 * step,
            )
        )
    found += [
        Sample(step=3, task="", prompt="Wer?", reference="", output="Zoë \n“ja”"),
        NextTokens(step=3, prompt="a", rows=[TokenProbability(token=" b", probability=1 / 3)]),
        Movement(step=3, rows=[MatrixMovement(layer=0, module="query", relative=0.000123456)]),
        Finished(
            run_id=run_id,
            steps=n_steps,
            stopped_early=False,
            trainable_params=5,
            total_params=100,
            peak_memory_mb=float("nan"),
            elapsed_s=2.0,
            train_s=1.5,
        ),
    ]
    return found


Write = Callable[..., RecordedRun]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a run of a config into a collection of the folder `tmp_path`, and its index."""
    runs: dict[str, list[RecordedRun]] = {}

    def write_one(
        config: RunConfig,
        *,
        name: str = "one",
        identity: str = "code model cpu float32",
        stamp: Stamp = STAMP,
        in_index: bool = True,
    ) -> RecordedRun:
        n = sum(map(len, runs.values()))
        run = RecordedRun(
            run_id=f"20261128-100000-{n:06x}",
            collection=name,
            config_dict=config.to_dict(),
            config_hash=config.hash,
            identity=identity,
            command="python -m core train",
            seconds=2.5,
            stamp=stamp,
            summary=RunSummary(  # whole: from Python 3.13 on, two with a NaN are never equal
                scores={"sentiment": 0.75},
                steps=3,
                peak_memory_mb=900.0,
                elapsed_s=2.5,
                train_s=2.0,
            ),
            folder=tmp_path / name,
        )
        lines = [
            {**files.rounded(event.to_dict()), AT: 0.25 * i}
            for i, event in enumerate(events_of(run.run_id))
        ]
        files.write_lines(run.folder / f"{run.run_id}{EVENTS}", [run.to_dict(), *lines])
        if in_index:
            runs.setdefault(name, []).append(run)
            plan.keep(name, runs[name], tmp_path)
        return run

    return write_one
