"""The store's SQLite file: opened at once, in the way, read-only, full, locked; and addresses of databases."""

import os
import sqlite3
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Pool, event

from core.config import RunConfig
from core.errors import UserError
from core.paths import data_dir
from core.runs import schema
from core.runs.store import RunStore, worker_identity
from tests.core.runs.processes import output_of, spawn
from tests.events import sample, step

ME = worker_identity()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return tmp_path


@pytest.fixture
def store() -> RunStore:
    return RunStore()


@pytest.mark.thorough
def test_processes_that_create_the_database_at_once_all_succeed() -> None:
    processes = [spawn("print(store.submit(RunConfig()).id)") for _ in range(4)]
    ids = [run_id for process in processes for run_id in output_of(process)]
    assert {r.id for r in RunStore().runs()} == set(ids)
    assert len(ids) == 4


def test_threads_that_create_the_database_at_once_all_succeed() -> None:
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: RunStore(), range(8)))
    run = stores[0].submit(RunConfig())
    assert all(s.get(run.id) == run for s in stores)


def test_the_file_is_in_write_ahead_mode(store: RunStore) -> None:
    connection = sqlite3.connect(data_dir() / "runs.sqlite3")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_the_address_comes_from_the_argument_or_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{home}/named/by environment.sqlite3")
    RunStore().submit(RunConfig())
    RunStore(f"sqlite:///{home}/given.sqlite3")
    assert (home / "named" / "by environment.sqlite3").is_file()
    assert (home / "given.sqlite3").is_file()
    assert not (home / "data" / "runs.sqlite3").exists()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("no address", "is not understood"),
        ("nosuch://host/name", "is not understood"),
        ("sqlite://", "must be a file"),
        ("sqlite:///:memory:", "must be a file"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused(address: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        RunStore(address)


def test_a_missing_driver_is_named_and_the_password_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UserError, match="needs the Python package") as caught:
        RunStore("postgresql+psycopg://teacher:secret@host/tuning")
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused() -> None:
    data_dir().mkdir(parents=True)
    (data_dir() / "runs.sqlite3").write_text("these are not the bytes of a database" * 100)
    with pytest.raises(UserError, match="is not a run database; move it away"):
        RunStore()


def test_a_folder_that_cannot_be_written_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "file").write_text("")
    monkeypatch.setenv("TUNING_FORK_HOME", str(home / "file"))
    with pytest.raises(UserError, match="cannot be created"):
        RunStore()


def test_a_folder_in_the_place_of_the_file_is_refused() -> None:
    (data_dir() / "runs.sqlite3").mkdir(parents=True)
    with pytest.raises(UserError, match="cannot be opened; check its permissions"):
        RunStore()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_read_only_file_is_refused(store: RunStore) -> None:
    (data_dir() / "runs.sqlite3").chmod(0o444)
    with pytest.raises(UserError, match="cannot be written; check its permissions"):
        RunStore()


@pytest.fixture
def on_connect() -> Iterator[list[str]]:
    """Statements that every new connection begins with."""
    statements: list[str] = []

    def begin(connection: sqlite3.Connection, _record: object) -> None:
        for statement in statements:
            connection.execute(statement)

    event.listen(Pool, "connect", begin)
    yield statements
    event.remove(Pool, "connect", begin)


def test_a_database_that_becomes_read_only(store: RunStore, on_connect: list[str]) -> None:
    run = store.start(RunConfig(), worker=ME)
    on_connect.append("PRAGMA query_only = ON")
    reader = RunStore()
    with pytest.raises(UserError, match="cannot be written; check its permissions"):
        reader.append(run.id, step(1))
    assert reader.get(run.id) == run


def test_a_full_disk_loses_nothing_recorded_before(on_connect: list[str]) -> None:
    on_connect.append("PRAGMA max_page_count = 80")
    store = RunStore()
    run = store.start(RunConfig(), worker=ME)
    recorded = 0

    def fill() -> None:
        nonlocal recorded
        while True:
            recorded = store.append(run.id, sample(0, "qa", "word " * 200))

    with pytest.raises(UserError, match="The disk is full"):
        fill()
    assert recorded > 5
    assert [e["seq"] for e in store.messages(run.id)] == list(range(1, recorded + 1))
    on_connect[:] = []
    assert RunStore().append(run.id, sample(0, "qa", "word " * 200)) == recorded + 1


def test_a_locked_database_loses_nothing_recorded_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "BUSY_TIMEOUT_S", 0.2)
    store = RunStore()
    run = store.start(RunConfig(), worker=ME)
    store.append(run.id, step(1))
    other = sqlite3.connect(data_dir() / "runs.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UserError, match="is busy: another program"):
        store.append(run.id, step(1))
    other.execute("ROLLBACK")
    other.close()
    assert store.append(run.id, step(1)) == 2
    assert [e["seq"] for e in store.messages(run.id)] == [1, 2]


def test_reading_does_not_wait_for_an_open_write(store: RunStore) -> None:
    run = store.submit(RunConfig())
    writer = sqlite3.connect(data_dir() / "runs.sqlite3", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE runs SET reason = 'not committed yet'")
    assert store.get(run.id).reason == ""
    writer.execute("ROLLBACK")
    writer.close()
