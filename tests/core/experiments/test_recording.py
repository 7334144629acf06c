"""What is recorded was measured on a quiet machine: stamped, and measured again where it was not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.config import DataConfig, EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig
from core.errors import UserError
from core.experiments import record, recording
from core.experiments.recording import Recorder
from core.experiments.runner import carry_out
from core.quiet import Load, Quietness
from core.runs.store import RunStore
from core.runs.worker import BaseKeeper
from core.stamp import Stamp
from tests.watches import BUSY, QUIET, watch


def config(folder: Path, *, seed: int = 0) -> RunConfig:
    return RunConfig(
        model=str(folder),
        data=DataConfig(task="names", train_examples=8),
        method=MethodConfig(rank=2),
        optimizer=OptimizerConfig(steps=2, batch_size=4),
        evaluation=EvaluationConfig(every=5, examples=2, final_examples=2),
        seed=seed,
        dtype="float32",
    )


def test_nothing_is_measured_for_a_record_on_a_busy_machine(home: Path) -> None:
    with pytest.raises(UserError, match=r"Nothing was recorded. Other programs used 50 %"):
        Recorder(watch(BUSY))


@pytest.mark.thorough
def test_a_disturbed_run_is_refused_and_only_it_is_run_again(home: Path, tiny_folder: Path) -> None:
    store, keeper = RunStore(), BaseKeeper()
    wanted = [config(tiny_folder), config(tiny_folder, seed=1)]
    recorder = Recorder(watch(QUIET, QUIET, QUIET, QUIET, BUSY))  # before, then two looks a run
    runs = carry_out(wanted, store, keeper, recorder=recorder)
    with pytest.raises(UserError) as refused:
        recorder.stamps([run.id for run in runs])
    assert "1 of 2 measurements were disturbed. Other programs used 50 %" in str(refused.value)
    assert str(refused.value).endswith("then measures only what was disturbed.")
    again = Recorder(watch(QUIET))
    second = carry_out(wanted, store, keeper, recorder=again)
    assert second[0].id == runs[0].id
    assert second[1].id != runs[1].id
    stamps = again.stamps([run.id for run in second])
    made = record.record("cures", second, store, base=[], command="c", stamps=stamps)
    assert (made.stamp.dtype, made.stamp.device) == ("float32", "cpu")
    assert made.stamp.disturbed == ()
    assert all(run.stamp and run.stamp.quiet.during is not None for run in made.runs)
    assert len(made.runs) == 2
    assert "Float32, on cpu" in made.where


@pytest.mark.thorough
def test_a_run_from_before_is_not_taken_for_a_record(home: Path, tiny_folder: Path) -> None:
    store, keeper = RunStore(), BaseKeeper()
    (earlier,) = carry_out([config(tiny_folder)], store, keeper)
    assert recording.kept(earlier.id) is None
    (recorded,) = carry_out([config(tiny_folder)], store, keeper, recorder=Recorder(watch(QUIET)))
    assert recorded.id != earlier.id


def test_a_record_and_its_stamp_are_read_back(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    load = Load(seconds=9.0, others=0.01, steal=None, load=0.0)
    stamp = Stamp.now(dtype="float32", device="cpu", quiet=Quietness(before=load, during=load))
    made = replace(
        record.record("x", [], RunStore(), base=[], command="c"), stamp=Stamp.of_all([stamp])
    )
    record.save(made, tmp_path / "x.json")
    monkeypatch.setattr(record, "FOLDER", tmp_path)
    record.recorded.cache_clear()
    assert record.recorded("x") == made
    record.recorded.cache_clear()
    (tmp_path / "x.json").write_text(
        (tmp_path / "x.json").read_text().replace('"base"', '"untouched"')
    )
    assert record.recorded("x") == made  # older records call it so
    record.recorded.cache_clear()


def stamped(change: Callable[[Stamp], Stamp]) -> Stamp:
    first = Stamp(dtype="float32", device="cpu", machine="m", at="2026-01-01T00:00:00Z", commit="a")
    return change(first)


def test_runs_of_two_precisions_or_machines_are_no_record() -> None:
    one = stamped(lambda s: s)
    both = Stamp.of_all([one, stamped(lambda s: replace(s, commit="b"))])
    assert both.commit == "a, b"
    for other in ({"dtype": "bfloat16"}, {"device": "cuda:0"}, {"machine": "n"}):
        with pytest.raises(UserError, match="cannot stand in one record"):
            Stamp.of_all([one, replace(one, **other)])


@pytest.mark.parametrize("experiment", ["cures", "methods", "mixtures"])
def test_records_without_a_stamp_are_not_known(experiment: str) -> None:
    found = record.recorded(experiment)
    assert found is not None
    assert found.stamp.commit or "Not known: precision, device" in found.where
