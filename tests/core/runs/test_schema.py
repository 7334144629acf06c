"""The run store's tables through the versions of the app: nothing recorded is ever lost."""

import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from core.cli.main import main
from core.config import RunConfig
from core.errors import UserError
from core.events import Validation
from core.paths import ROOT
from core.runs import schema, tables
from core.runs.marks import Mark
from core.runs.states import RunStatus
from core.runs.store import RunStore

BEFORE_VERSIONS = """
CREATE TABLE runs (
	number INTEGER NOT NULL,
	id VARCHAR(40) NOT NULL,
	config JSON NOT NULL,
	config_hash VARCHAR(16) NOT NULL,
	version TEXT NOT NULL,
	status VARCHAR(16) NOT NULL,
	stop_requested BOOLEAN NOT NULL,
	reason TEXT NOT NULL,
	created_at FLOAT NOT NULL,
	started_at FLOAT,
	ended_at FLOAT,
	worker TEXT NOT NULL,
	heartbeat_at FLOAT,
	summary JSON NOT NULL,
	n_events INTEGER NOT NULL,
	PRIMARY KEY (number),
	UNIQUE (id)
);
CREATE INDEX ix_runs_config_hash ON runs (config_hash);
CREATE INDEX ix_runs_status ON runs (status);
CREATE TABLE events (
	run_id VARCHAR(40) NOT NULL,
	seq INTEGER NOT NULL,
	at FLOAT NOT NULL,
	type VARCHAR(40) NOT NULL,
	payload JSON NOT NULL,
	PRIMARY KEY (run_id, seq),
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
"""
"""What was made before the database had a version: frozen, never to be brought up to date."""
RUNS = """
INSERT INTO runs (number, id, config, config_hash, version, status, stop_requested, reason, created_at,
 started_at, ended_at, worker, heartbeat_at, summary, n_events) VALUES
 (1, '20261101-090000-aaaaaa', '{"seed": 7, "data": {}, "method": {}}', 'abc', 'code model cpu float32', 'finished', 0, '',
  1793523600.0, 1793523601.0, 1793523630.0, 'host:1:1.00', 1793523630.0, '{"scores": {"names": 0.9}}', 2),
 (2, '20261101-091000-bbbbbb', '{"seed": 8, "data": {}, "method": {}}', 'abd', 'code model cpu float32', 'queued', 0, '',
  1793524200.0, NULL, NULL, '', NULL, '{}', 0);
INSERT INTO events VALUES
 ('20261101-090000-aaaaaa', 1, 1793523602.0, 'validation',
  '{"type": "validation", "step": 1, "loss": 2.5, "n": 8}'),
 ('20261101-090000-aaaaaa', 2, 1793523603.0, 'validation',
  '{"type": "validation", "step": 2, "loss": 2.25, "n": 8}');
"""
NOW = schema.SCHEMA_VERSION
NEXT = f"{int(NOW) + 1:04}"
VALIDATION = Validation(step=1, loss=2.5, n=8)
ADDS_A_NOTE = """
import sqlalchemy as sa
from alembic import op

revision = "NEXT"
down_revision = "NOW"


def upgrade():
    op.add_column("events", sa.Column("note", sa.Text))
    with op.batch_alter_table("runs", recreate="always") as table:  # copies and drops the table
        table.add_column(sa.Column("note", sa.Text))
""".replace("NEXT", NEXT).replace("NOW", NOW)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the database will be."""
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "runs.sqlite3"


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A later version of the app: one migration more."""
    migrations = tmp_path / "100%: migrations"  # "%" and ":" mean something in alembic's settings
    shutil.copytree(schema.MIGRATIONS, migrations)
    monkeypatch.setattr(schema, "MIGRATIONS", migrations)
    monkeypatch.setattr(schema, "SCHEMA_VERSION", NEXT)
    third = migrations / "versions" / f"{NEXT}.py"
    third.write_text(ADDS_A_NOTE)
    return third


def execute(file: Path, *statements: str) -> None:
    connection = sqlite3.connect(file)
    for statement in statements:
        connection.executescript(statement)
    connection.close()


def rows(file: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(file)
    found = connection.execute(query).fetchall()
    connection.close()
    return found


def content(file: Path) -> list[str]:
    connection = sqlite3.connect(file)
    dump = list(connection.iterdump())
    connection.close()
    return dump


def columns(file: Path, table: str) -> list[str]:
    return [row[1] for row in rows(file, f"PRAGMA table_info({table})")]


def check_runs(store: RunStore) -> None:
    """All of `RUNS` is there and can be worked with."""
    queued, finished = store.runs()
    assert (finished.id, finished.status) == ("20261101-090000-aaaaaa", RunStatus.FINISHED)
    assert finished.config_dict == {"seed": 7, "data": {}, "method": {}}
    assert finished.summary.scores == {"names": 0.9}
    assert store.events(finished.id) == [VALIDATION, replace(VALIDATION, step=2, loss=2.25)]
    claimed = store.claim(worker="elsewhere:1:1.00")
    assert claimed is not None
    assert claimed.id == queued.id
    assert store.append(queued.id, VALIDATION) == 1
    store.delete(finished.id)
    assert store.events(finished.id) == []


def test_a_database_from_before_there_were_versions_is_read_and_gets_one(file: Path) -> None:
    execute(file, BEFORE_VERSIONS, RUNS)
    store = RunStore()
    assert rows(file, "SELECT version_num FROM alembic_version") == [(schema.SCHEMA_VERSION,)]
    check_runs(store)


def test_a_database_of_the_first_version_gets_marks_and_keeps_its_runs(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(file, BEFORE_VERSIONS, RUNS)
    execute(
        file,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);"
        "INSERT INTO alembic_version VALUES ('0001');",
    )
    store = RunStore()
    assert rows(file, "SELECT version_num FROM alembic_version") == [(NOW,)]
    finished = "20261101-090000-aaaaaa"
    assert store.marks.all() == {}
    store.marks.put(finished, Mark(name="the first", tags=("good",)))
    assert RunStore().marks.of(finished) == Mark(name="the first", tags=("good",))
    check_runs(store)  # which deletes it
    assert store.marks.all() == {}


def test_a_database_whose_making_was_interrupted_is_completed(file: Path) -> None:
    execute(file, BEFORE_VERSIONS.split("CREATE INDEX")[0])
    store = RunStore()
    assert store.append(store.submit(RunConfig()).id, VALIDATION) == 1


def test_migrations_lead_to_the_tables_that_the_code_uses(file: Path) -> None:
    RunStore()
    with schema.Database("").transaction() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert context.get_current_revision() == schema.SCHEMA_VERSION
        assert compare_metadata(context, tables.metadata) == []


@pytest.mark.parametrize("before", [BEFORE_VERSIONS, ""], ids=["unversioned", "versioned"])
def test_a_later_version_changes_the_tables_and_keeps_all_runs(
    file: Path, later: Path, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before:
        execute(file, before)
    else:
        with monkeypatch.context() as patch:
            patch.setattr(schema, "SCHEMA_VERSION", NOW)
            later.unlink()
            RunStore()
            later.write_text(ADDS_A_NOTE)
    execute(file, RUNS)
    store = RunStore()
    assert rows(file, "SELECT version_num FROM alembic_version") == [(NEXT,)]
    assert columns(file, "runs")[-1] == columns(file, "events")[-1] == "note"
    check_runs(store)


def test_a_migration_that_fails_changes_nothing(file: Path, later: Path) -> None:
    execute(file, BEFORE_VERSIONS, RUNS)
    before = content(file)
    later.write_text(ADDS_A_NOTE + "    raise ArithmeticError\n")
    with pytest.raises(ArithmeticError):
        RunStore()
    assert content(file) == before
    later.write_text(ADDS_A_NOTE)
    check_runs(RunStore())


def test_a_database_of_a_newer_version_is_left_as_it_is(
    file: Path, later: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(file, BEFORE_VERSIONS, RUNS)
    RunStore()
    before = content(file)
    monkeypatch.undo()  # back to the version of today
    monkeypatch.setenv("TUNING_FORK_HOME", str(file.parents[1]))
    with pytest.raises(UserError, match="written by a newer version of Tuning Fork; update this"):
        RunStore()
    assert main(["runs", "list"]) == 2
    assert str(file) in capsys.readouterr().err
    assert content(file) == before


@pytest.mark.thorough
def test_opening_a_database_of_this_version_costs_no_alembic(file: Path) -> None:
    RunStore()
    code = "import sys; from core.runs.store import RunStore; RunStore(); print('alembic' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
