"""The run store: one truth for several threads and processes, and plain sentences when it fails."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from core.config import DataConfig, RunConfig
from core.config.run import RUN_ID
from core.errors import UserError
from core.runs import identity, record
from core.runs.states import ALLOWED, IllegalTransition, RunStatus
from core.runs.store import RunStore, RunSummary
from tests.core.runs.processes import sql
from tests.core.runs.runs_in_states import ME, move, run_in
from tests.events import step

ELSEWHERE = "another-host:17:1.00"
pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def store() -> RunStore:
    return RunStore()


# The state machine


@pytest.mark.thorough
@pytest.mark.parametrize("before", list(RunStatus))
@pytest.mark.parametrize("after", [RunStatus.FINISHED, RunStatus.STOPPED, RunStatus.FAILED])
def test_only_allowed_transitions_happen(
    store: RunStore, before: RunStatus, after: RunStatus
) -> None:
    run = run_in(store, before)
    if after in ALLOWED[before]:
        move(store, run.id, after)
        assert store.get(run.id).status is after
        assert store.get(run.id).ended_at is not None
    else:
        with pytest.raises(IllegalTransition, match=f"{before} cannot become {after}"):
            move(store, run.id, after)
        assert store.get(run.id) == run


def test_over_means_that_nothing_follows() -> None:
    assert [s for s in RunStatus if s.is_over] == ["finished", "stopped", "failed"]
    assert ALLOWED[RunStatus.QUEUED] == {"running", "stopped", "failed"}


def test_a_run_from_the_queue_to_its_end(store: RunStore) -> None:
    config = RunConfig(seed=7)
    queued = store.submit(config)
    assert (queued.status, queued.worker, queued.started_at) == (RunStatus.QUEUED, "", None)
    assert queued.config == config
    assert queued.config_hash == config.hash

    running = store.claim(worker=ME)
    assert running is not None
    assert (running.id, running.status, running.worker) == (queued.id, RunStatus.RUNNING, ME)
    assert running.started_at is not None
    assert running.started_at >= queued.created_at

    store.finish(running.id, RunSummary(scores={"qa": 1.0}, steps=3, train_s=math.nan))
    finished = RunStore().get(running.id)
    assert finished.status is RunStatus.FINISHED
    assert finished.summary.scores == {"qa": 1.0}
    assert math.isnan(finished.summary.train_s)
    assert (finished.summary_dict["steps"], finished.summary_dict["train_s"]) == (3, None)


def test_failing_with_a_file_name_that_is_no_text(store: RunStore) -> None:
    run = store.start(RunConfig(), worker=ME)
    store.fail(run.id, "Cannot read caf\udce9\0.jsonl")
    assert store.get(run.id).reason == "Cannot read caf?.jsonl"


# Stopping


def test_a_queued_run_stops_at_once(store: RunStore) -> None:
    run = store.submit(RunConfig())
    store.request_stop(run.id)
    stopped = store.get(run.id)
    assert stopped.status is RunStatus.STOPPED
    assert stopped.reason == "Stopped before it started."
    assert stopped.ended_at is not None
    assert store.claim(worker=ME) is None


def test_a_running_run_is_asked_to_stop(store: RunStore) -> None:
    run = store.start(RunConfig(), worker=ME)
    assert not store.stop_requested(run.id)
    RunStore().request_stop(run.id)
    assert store.stop_requested(run.id)
    assert store.get(run.id).status is RunStatus.RUNNING
    store.stop(run.id, "Stopped by the reader.")
    assert store.get(run.id).reason == "Stopped by the reader."


@pytest.mark.parametrize("status", [s for s in RunStatus if s.is_over])
def test_stopping_a_run_that_is_over_changes_nothing(store: RunStore, status: RunStatus) -> None:
    run = run_in(store, status)
    store.request_stop(run.id)
    assert store.get(run.id) == run
    assert not store.stop_requested(run.id)


# Looking up


def test_a_unique_beginning_of_an_id_is_enough(store: RunStore) -> None:
    run, other = store.submit(RunConfig()), store.submit(RunConfig(seed=1))
    sql("DELETE FROM holdings")  # they name the ids that are changed here
    sql("UPDATE runs SET id = '20260101-000000-aaaaaa' WHERE id = :id", id=run.id)
    sql("UPDATE runs SET id = '20260101-000000-aaab' WHERE id = :id", id=other.id)
    assert store.get("20260101-000000-aaaa").id == "20260101-000000-aaaaaa"
    assert store.get(" 20260101-000000-AAAB ").id == "20260101-000000-aaab"
    with pytest.raises(UserError, match="Several runs begin with '2026'"):
        store.get("2026")
    sql("UPDATE runs SET id = '20260101-000000-aaabbb' WHERE id = '20260101-000000-aaaaaa'")
    assert store.get("20260101-000000-aaab").id == "20260101-000000-aaab"


@pytest.mark.parametrize(
    "wanted", ["", "202", "2099-nothing", "%%%%", "____", "../..", "é\0\udce9"]
)
def test_an_unknown_id_is_named(store: RunStore, wanted: str) -> None:
    store.submit(RunConfig())
    with pytest.raises(UserError, match="There is no run"):
        store.get(wanted)


def test_every_change_of_an_unknown_run_is_refused(store: RunStore) -> None:
    with pytest.raises(UserError, match="There is no run"):
        store.request_stop("noth\0ing\udce9")
    for change in (
        lambda: store.append("nothing", step(1)),
        lambda: store.finish("nothing", RunSummary()),
        lambda: store.request_stop("nothing"),
        lambda: store.stop_requested("nothing"),
        lambda: store.delete("nothing"),
    ):
        with pytest.raises(UserError, match="There is no run 'nothing'"):
            change()


def test_a_finished_run_of_the_same_config_and_version_is_found(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = RunConfig(seed=1)
    older, newer, failed = (store.start(config, worker=ME) for _ in range(3))
    assert store.find_finished(config) is None
    store.finish(older.id, RunSummary())
    store.finish(newer.id, RunSummary())
    store.fail(failed.id, "no luck")
    found = store.find_finished(RunConfig.from_dict(config.to_dict()))
    assert found is not None
    assert found.id == newer.id
    assert store.find_finished(RunConfig(seed=2)) is None
    monkeypatch.setattr(identity, "_libraries", lambda: "torch 9.9")
    assert store.find_finished(config) is None


def test_a_config_that_no_longer_works_can_still_be_listed(store: RunStore, home: Path) -> None:
    folder = home / "my model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    run = store.submit(RunConfig(model=str(folder), data=DataConfig(task="names")))
    (folder / "config.json").unlink()
    folder.rmdir()
    assert [r.config_dict["data"]["task"] for r in store.runs()] == ["names"]
    with pytest.raises(UserError, match=rf"settings of run {run.id} no longer work: The model"):
        _ = store.get(run.id).config
    claimed = store.claim(worker=ME)
    assert claimed is not None
    store.fail(claimed.id, "The model folder is gone.")
    store.delete(run.id)
    assert store.runs() == []


@pytest.mark.parametrize(
    "wrong",
    [{"colour": "red"}, {"seed": "0"}, {"method": {"target_modules": 5}}, {"data": {"n": 3}}],
)
def test_settings_of_another_version_raise_a_user_error(store: RunStore, wrong: Any) -> None:
    stored = RunConfig().to_dict() | wrong
    run = store.submit(RunConfig())
    sql("UPDATE runs SET config = :stored", stored=json.dumps(stored))
    assert store.get(run.id).config_dict == stored
    with pytest.raises(UserError, match="no longer work"):
        _ = store.get(run.id).config
    assert store.get(run.id).valid_config is None


def test_settings_that_cannot_even_be_read_are_said(store: RunStore) -> None:
    run = store.submit(RunConfig())
    sql(
        "UPDATE runs SET config = :stored", stored=json.dumps(RunConfig().to_dict() | {"seed": "0"})
    )
    with pytest.raises(UserError, match=f"{run.id} is damaged"):
        _ = store.get(run.id).unchecked_config


def test_ids_sort_by_time_and_fit_a_url() -> None:
    ids = [record.new_run_id(moment) for moment in (0.0, 1.0, 1_795_429_000.0)]
    assert ids == sorted(ids)
    assert ids[0].startswith("19700101-000000-")
    assert all(RUN_ID.fullmatch(i) for i in ids)


# Artifacts and deleting


def test_deleting_removes_the_run_its_events_and_its_files(store: RunStore) -> None:
    run, kept = run_in(store, RunStatus.FINISHED), run_in(store, RunStatus.FINISHED)
    for one in (run, kept):
        store.append(one.id, step(1))
        assert not store.artifact_dir(one.id).exists()
        assert store.size_bytes(one.id) == 0
        (store.artifact_dir(one.id) / "deep").mkdir(parents=True)
        (store.artifact_dir(one.id) / "deep" / "adapter.bin").write_bytes(b"x" * 1000)
        (store.artifact_dir(one.id) / "config.json").write_bytes(b"{}")
    assert store.size_bytes(run.id) == 1002
    store.delete(run.id)
    assert not store.artifact_dir(run.id).exists()
    assert store.events(run.id) == []
    assert [r.id for r in store.runs()] == [kept.id]
    assert store.size_bytes(kept.id) == 1002
    assert len(store.events(kept.id)) == 1


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.RUNNING])
def test_an_active_run_is_not_deleted(store: RunStore, status: RunStatus) -> None:
    run = run_in(store, status)
    with pytest.raises(UserError, match=f"is {status}; stop it before"):
        store.delete(run.id)
    assert store.get(run.id) == run


@pytest.mark.thorough
def test_a_run_whose_files_cannot_be_deleted_stays_listed(store: RunStore) -> None:
    run = run_in(store, RunStatus.FINISHED)
    store.append(run.id, step(1))
    store.artifact_dir(run.id).parent.mkdir()
    store.artifact_dir(run.id).write_text("a file where the folder should be")
    with pytest.raises(UserError, match="cannot be deleted"):
        store.delete(run.id)
    assert store.get(run.id) == run
    assert len(store.events(run.id)) == 1


@pytest.mark.parametrize("run_id", ["..", "../x", "", "a/b", "/etc"])
def test_a_path_is_not_an_id(store: RunStore, run_id: str) -> None:
    with pytest.raises(UserError, match="There is no run"):
        store.artifact_dir(run_id)
