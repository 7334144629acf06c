"""An experiment's runs: carried out once, resumed; what is recorded of them."""

from pathlib import Path

import pytest

from core import catalog
from core.config import DataConfig, EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig
from core.data import uploads
from core.errors import UserError
from core.experiments import record
from core.experiments.runner import carry_out
from core.runs.store import RunStore
from core.runs.worker import BaseKeeper

PAIRS = [{"prompt": f"cat {n}", "completion": "yes" if n % 2 else "no"} for n in range(12)]


def config(folder: Path, *, seed: int = 0, rate: float = 1e-3) -> RunConfig:
    return RunConfig(
        model=str(folder),
        data=DataConfig(task=catalog.CUSTOM_TASK, dataset=uploads.keep(PAIRS)),
        method=MethodConfig(rank=2),
        optimizer=OptimizerConfig(steps=2, batch_size=4, learning_rate=rate),
        evaluation=EvaluationConfig(every=5, examples=2),
        seed=seed,
        dtype="float32",
    )


@pytest.mark.thorough
def test_done_runs_are_not_run_again_and_leave_no_weights(home: Path, tiny_folder: Path) -> None:
    store, keeper = RunStore(), BaseKeeper()
    (first,) = carry_out([config(tiny_folder)], store, keeper)
    seen: list[tuple[int, bool]] = []
    both = carry_out(
        [config(tiny_folder, seed=1), config(tiny_folder)],
        store,
        keeper,
        on_run=lambda number, run, was_done: seen.append((number, was_done)),
    )
    assert seen == [(0, False), (1, True)]
    assert [run.status for run in both] == ["finished", "finished"]
    assert both[1].id == first.id
    assert len(store.runs()) == 2
    assert store.size_bytes(first.id) == 0


def test_a_failed_run_ends_the_experiment_with_its_reason(home: Path, tiny_folder: Path) -> None:
    missing = RunConfig(
        model=str(tiny_folder), data=DataConfig(task=catalog.CUSTOM_TASK, dataset="0" * 64)
    )
    with pytest.raises(UserError, match="Run 1 of 1 failed"):
        carry_out([missing], RunStore(), BaseKeeper())


@pytest.mark.parametrize("experiment", record.VIEWS)
def test_shipped_records_say_when_where_and_how(experiment: str) -> None:
    found = record.recorded(experiment)
    assert found is not None
    assert found.command.startswith("python -m core record --only")
    assert f"Recorded on {found.date}: {len(found.runs)} runs on" in found.where
    assert "on cpu" in found.where.lower()
    assert "cores" in found.machine
    assert all(run.config.model == catalog.DEFAULT_MODEL for run in found.runs)


def test_the_shipped_plane_has_thirty_runs_and_three_seeds_of_each_setting() -> None:
    from core.experiments.plane import point, settings

    found = record.recorded("cures")
    assert found is not None
    points = [point(run.config, run.events, is_recorded=True) for run in found.runs]
    assert len(points) >= 30
    assert all(p is not None for p in points)
    groups = settings(p for p in points if p)
    assert {len({p.seed for p in group.points}) for group in groups} == {3}
