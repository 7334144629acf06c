"""Recording goes on where it stopped, keeps off a busy machine, and never mixes two kinds of runs."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from core.config import DataConfig, EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig
from core.errors import UserError
from core.events import Evaluation, Event, Finished, Sample, Started, Step
from core.machine import describe_machine
from core.quiet import Watch
from core.recorded import collection, find, plan, recorded_answer
from core.recorded.answers import base_path
from core.recorded.check import check, problems_of_all
from core.recorded.make import TRIES, Made, Recorder, make, make_base_answers
from core.recorded.plan import AnyRequest, Wanted
from core.runs.identity import identity_in
from core.runs.messages import LookAtSpectrum, NextTokensAfter
from core.runs.store import RunStore
from core.stamp import Stamp
from tests.core.recorded.conftest import STAMP, Write, watch
from tests.watches import BUSY, QUIET


def config(folder: Path, *, seed: int = 0) -> RunConfig:
    return RunConfig(
        model=str(folder),
        data=DataConfig(task="names", train_examples=8),
        method=MethodConfig(rank=2),
        optimizer=OptimizerConfig(steps=2, batch_size=4),
        evaluation=EvaluationConfig(every=1, examples=2, final_examples=2, samples=1),
        seed=seed,
        dtype="float32",
    )


def wanted(
    folder: Path, *, seeds: Sequence[int] = (0,), ask: plan.Ask = plan.ask_nothing
) -> Wanted:
    configs = tuple(config(folder, seed=seed) for seed in seeds)
    return Wanted(name="one", about="", configs=configs, ask=ask)


def identity(config: RunConfig) -> str:
    return identity_in(config, device="cpu", dtype="float32")


def recorder(folder: Path, *watches: Watch, **more: object) -> Recorder:
    """With a watch for the start and one for each time it waited; the last one again and again."""
    left = list(watches) or [watch(QUIET)]
    return Recorder(
        folder=folder,
        store=RunStore(),
        identity=identity,
        new_watch=lambda: left.pop(0) if len(left) > 1 else left[0],
        wait=lambda seconds: None,
        **more,  # type: ignore[arg-type]
    )


def made(runs: Sequence[Made]) -> list[int]:
    """The seeds of the runs that were recorded."""
    return [one.config.seed for one in runs if one.run]


@pytest.mark.thorough
def test_what_is_made_is_found_whole_and_not_made_again(home: Path, tiny_folder: Path) -> None:
    folder, seen = home / "out", list[Event]()
    one, both = wanted(tiny_folder), wanted(tiny_folder, seeds=(1, 0))
    first = recorder(folder, on_event=seen.append)
    assert made(list(make([one], first))) == [0]
    assert made(list(make([both], recorder(folder)))) == [1]
    assert list(make([both], recorder(folder))) == []
    assert first.store.runs() == []  # nothing of it stands among the reader's runs
    run = find(config(tiny_folder), folder=folder)
    assert run is not None
    events, times = run.events(), run.times()
    assert [type(e) for e in events] == [type(e) for e in seen]
    assert {Started, Step, Evaluation, Sample, Finished} <= {type(e) for e in events}
    assert [e.output for e in events if isinstance(e, Sample)] == [
        e.output for e in seen if isinstance(e, Sample)
    ]
    assert [e.loss for e in events if isinstance(e, Step)] == pytest.approx(
        [e.loss for e in seen if isinstance(e, Step)], rel=1e-3
    )
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= run.seconds + 0.01
    assert (run.identity, run.stamp.machine) == (identity(run.config), describe_machine())
    assert run.summary.trainable_params > 0
    (found,) = check([both], folder=folder)
    assert (found.n_runs, found.missing, found.problems) == (2, (), ())
    assert found.n_bytes < 2 * 10_000  # two small runs


@pytest.mark.thorough
def test_a_recording_cut_off_anywhere_goes_on(home: Path, tiny_folder: Path) -> None:
    folder, all_of_it = home / "out", wanted(tiny_folder, seeds=(0, 1))

    def cut_off(event: Event) -> None:
        if isinstance(event, Step):
            raise KeyboardInterrupt

    assert made(list(make([all_of_it], recorder(folder), most=1))) == [0]
    stopped = recorder(folder, on_event=cut_off)
    with pytest.raises(KeyboardInterrupt):
        list(make([all_of_it], stopped))
    assert stopped.store.runs() == []
    assert [run.config.seed for run in collection("one", folder=folder).runs] == [0]
    (folder / "one" / "index.json").unlink()  # cut off between a run's file and the index
    (found,) = check([all_of_it], folder=folder)
    assert "is not in the index" in found.problems[0]
    assert made(list(make([all_of_it], recorder(folder)))) == [1]
    assert [run.config.seed for run in collection("one", folder=folder).runs] == [0, 1]


def test_a_busy_machine_is_refused(home: Path) -> None:
    with pytest.raises(UserError, match=r"Nothing was recorded. Other programs used 50 %.*--out"):
        recorder(home / "out", watch(BUSY))


@pytest.mark.thorough
def test_a_disturbed_run_is_made_again_once_it_is_quiet(home: Path, tiny_folder: Path) -> None:
    said: list[str] = []
    quiet_then_busy = watch(QUIET, QUIET, BUSY)  # before; before the run; while it ran
    watches = quiet_then_busy, watch(BUSY), watch(QUIET)
    one = recorder(home / "out", *watches, say=said.append)
    assert made(list(make([wanted(tiny_folder)], one))) == [0]
    (run,) = collection("one", folder=home / "out").runs
    assert run.stamp.disturbed == ()
    assert "try 1 of 3 was disturbed: Other programs used 50 %" in said[0]
    assert "waiting for a quiet machine" in said[1]


@pytest.mark.thorough
def test_what_stays_disturbed_is_left_out_and_said(home: Path, tiny_folder: Path) -> None:
    disturbed = [watch(QUIET, QUIET, BUSY) for _ in range(TRIES)]
    one = recorder(home / "out", *disturbed, watch(QUIET))
    runs = list(make([wanted(tiny_folder, seeds=(0, 1))], one))
    assert made(runs) == [1]
    assert "It was disturbed 3 times. Other programs used 50 %" in runs[0].left_out


@pytest.mark.thorough
def test_where_it_is_allowed_a_disturbed_run_is_marked(home: Path, tiny_folder: Path) -> None:
    folder = home / "out"
    one = recorder(folder, watch(BUSY), allow_disturbed=True)
    assert made(list(make([wanted(tiny_folder)], one))) == [0]
    (run,) = collection("one", folder=folder).runs
    assert "Other programs used 50 %" in run.stamp.disturbed[0]
    assert "disturbed it" in run.where
    (found,) = check([], folder=folder)
    assert found.problems == (f"{run.run_id}: other programs disturbed it",)


@pytest.mark.thorough
def test_a_run_that_fails_is_left_out_with_its_reason(home: Path, tiny_folder: Path) -> None:
    broken = replace(config(tiny_folder), data=DataConfig(task="custom", dataset="0" * 64))
    one = Wanted(name="one", about="", configs=(broken, config(tiny_folder)))
    runs = list(make([one], recorder(home / "out")))
    assert made(runs) == [0]
    assert runs[0].left_out.startswith("It failed: ")


OLDER = {"identity": "older code", "stamp": replace(STAMP, machine=describe_machine())}


@pytest.mark.parametrize("other", [OLDER, {"stamp": STAMP}])
def test_two_kinds_of_runs_are_never_mixed(
    write: Write, home: Path, tmp_path: Path, tiny_folder: Path, other: dict[str, str | Stamp]
) -> None:
    """Neither those of other code, nor those of another machine."""
    kind = {"identity": identity(config(tiny_folder))} | other
    older = write(config(tiny_folder, seed=5), **kind)
    with pytest.raises(UserError, match=f"one collection holds runs.*{older.run_id}.*--anew"):
        list(make([wanted(tiny_folder)], recorder(tmp_path)))
    assert collection("one", folder=tmp_path).runs == (older,)
    assert older.path.is_file()


@pytest.mark.thorough
def test_anew_takes_the_others_out_and_keeps_its_own(
    write: Write, home: Path, tmp_path: Path, tiny_folder: Path
) -> None:
    one = wanted(tiny_folder, seeds=(0, 5))
    list(make([one], recorder(tmp_path), most=1))
    (mine,) = collection("one", folder=tmp_path).runs
    older = write(config(tiny_folder, seed=5), identity="older code", in_index=False)
    state = plan.state(one, folder=tmp_path, identity=identity)
    assert (state.done, state.others) == ((mine,), (older,))
    plan.remove(state, tmp_path)
    assert not older.path.exists()
    assert made(list(make([one], recorder(tmp_path)))) == [5]


@pytest.mark.thorough
def test_a_run_is_asked_before_its_weights_go(home: Path, tiny_folder: Path) -> None:
    def ask(config: RunConfig, run_id: str) -> Sequence[AnyRequest]:
        return (LookAtSpectrum(run=run_id, layer=1, module="query"),)

    folder, one = home / "out", wanted(tiny_folder, ask=ask)
    (only,) = make([one], recorder(folder))
    assert only.run is not None
    asked = LookAtSpectrum(run=only.run.run_id, layer=1, module="query")
    answer = recorded_answer(asked, folder=folder)
    assert answer is not None
    assert len(answer[0].singular_values) > 0
    assert 0 < answer[0].effective_rank <= 2.01  # of a LoRA of rank 2
    assert not any((home / "data" / "artifacts").glob("*"))
    (found,) = check([one], folder=folder)
    assert found.problems == ()


@pytest.mark.thorough
def test_the_base_model_is_asked_once(
    home: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = NextTokensAfter(model=str(tiny_folder), text="the cat")
    one = recorder(home / "out")
    one.base_config = config(tiny_folder)
    assert make_base_answers([asked], one)
    found = recorded_answer(asked, folder=home / "out")
    assert found is not None
    assert found[0].rows
    assert not make_base_answers([asked], one)


def test_damage_and_size_are_found(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [write(RunConfig(seed=seed)) for seed in range(3)]
    write(RunConfig(seed=9), identity="another")
    runs[0].path.unlink()
    runs[1].path.write_bytes(runs[2].path.read_bytes())
    index = tmp_path / "one" / "index.json"
    index.write_text(index.read_text("utf-8").replace(runs[2].config_hash, "0" * 16))
    (found,) = check([Wanted(name="one", about="", configs=(RunConfig(seed=2),))], folder=tmp_path)
    said = "\n".join(found.problems)
    assert "Runs of several identities: another, code model cpu float32" in said
    assert f"{runs[0].run_id}: The recorded" in said
    assert f"{runs[1].run_id}: its file is that of another run" in said
    assert f"{runs[2].run_id}: its settings have another hash than the index says" in said
    assert found.missing == (RunConfig(seed=2).hash,)
    write(RunConfig(seed=1), name="two", stamp=replace(STAMP, dtype="bfloat16"))
    assert problems_of_all(tmp_path) == ["Runs of several precisions: bfloat16, float32."]
    base = base_path(tmp_path)
    base.parent.mkdir()
    base.write_bytes(b"no gzip")
    assert "What the base model was asked: The recorded" in problems_of_all(tmp_path)[0]
    base.unlink()
    monkeypatch.setattr("core.recorded.files.MOST_BYTES", 100)
    assert "All files take 0.0 MB, more than" in problems_of_all(tmp_path)[0]
