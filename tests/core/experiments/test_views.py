"""The records that lessons compare are views of the recorded runs, once all of theirs are there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config import METHODS, RunConfig
from core.events import Evaluation, Memory, Step
from core.experiments import record
from core.experiments.collections import wanted
from core.experiments.method_rows import method_row
from core.experiments.mitigations import mitigation_config
from core.experiments.plane import point
from core.experiments.record import VIEWS
from core.recorded import RecordedRun, files, plan
from core.recorded.files import EVENTS
from core.runs.record import RunSummary
from core.stamp import Stamp
from tests.events import evaluation, memory, sample, step

STAMP = Stamp(commit="c", dtype="float32", device="cpu", machine="m", at="2026-11-28T10:00:00Z")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Recorded runs of this test only."""
    monkeypatch.setattr(files, "FOLDER", tmp_path)
    record.recorded.cache_clear()
    yield tmp_path
    record.recorded.cache_clear()


def write(name: str, configs: list[RunConfig], folder: Path) -> None:
    """Runs that learned sentiment from 0.5 to 0.9 and lost general questions."""
    runs: list[RecordedRun] = []
    for n, config in enumerate(configs):
        run = RecordedRun(
            run_id=f"20261128-100000-{n:06x}",
            collection=name,
            config_dict=config.to_dict(),
            config_hash=config.hash,
            identity="i",
            command="c",
            seconds=3.0,
            stamp=STAMP,
            summary=RunSummary(train_s=9.0, steps=2, trainable_params=5, total_params=9),
            folder=folder / name,
        )
        events = [
            *(evaluation(0, task, 0.5) for task in config.evaluation_tasks()),
            memory(),
            step(1, step_s=0.25),
            step(2, step_s=0.25),
            sample(2, "", "positive"),
            *(evaluation(2, task, 0.9) for task in config.evaluation_tasks()),
        ]
        lines = [files.rounded(event.to_dict()) for event in events]
        files.write_lines(run.folder / f"{run.run_id}{EVENTS}", [run.to_dict(), *lines])
        runs.append(run)
    plan.keep(name, runs, folder)


@pytest.mark.parametrize("experiment", VIEWS)
def test_every_run_of_a_view_is_in_its_collection(experiment: str) -> None:
    name, configs = VIEWS[experiment]
    (one,) = (one for one in wanted() if one.name == name)
    assert {config.hash for config in configs()} <= {config.hash for config in one.configs}


def test_a_whole_collection_is_the_record_and_a_part_of_it_is_not(folder: Path) -> None:
    configs = list(VIEWS["methods"][1]())
    write("methods", configs[:-1], folder)
    before = record.recorded("methods")
    assert before is None or before.date != "2026-11-28" or before.stamp != STAMP
    record.recorded.cache_clear()
    write("methods", configs, folder)
    found = record.recorded("methods")
    assert found is not None
    assert (found.date, found.machine) == ("2026-11-28", "m")
    assert found.command == "python -m core record --only methods"
    assert len(found.runs) == len(METHODS) * 3
    assert found.base_score("general") == 0.5
    assert "float32, on cpu" in found.where.lower()
    run = found.runs[0]
    assert run.step_s == 0.25
    assert {type(e) for e in run.events} == {Evaluation, Memory}
    assert not any(isinstance(e, Step) for e in run.events)
    row = method_row(run.config, run.events, run.summary, step_s=run.step_s, is_recorded=True)
    assert row is not None
    assert row.scores["general"] == 0.9


def test_the_plane_of_cures_takes_its_own_settings_of_the_collection(folder: Path) -> None:
    write("mitigations", [*VIEWS["cures"][1](), mitigation_config("full", 1e-5)], folder)
    found = record.recorded("cures")
    assert found is not None
    points = [point(run.config, run.events, is_recorded=True) for run in found.runs]
    assert all(points)
    assert len(points) == len(list(VIEWS["cures"][1]()))
