"""What only PostgreSQL does to the store; everything else it shares with SQLite (test_store.py)."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text, update

from core.config import RunConfig
from core.errors import UserError
from core.runs import schema, tables
from core.runs.store import RunStore
from tests.events import step

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]


@pytest.fixture
def address(database: str, postgresql: str) -> str:
    assert database == "postgresql"
    return postgresql


def test_migrations_lead_to_the_tables_that_the_code_uses(address: str) -> None:
    RunStore()
    with schema.Database(address).transaction() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert context.get_current_revision() == schema.SCHEMA_VERSION
        assert compare_metadata(context, tables.metadata) == []


def test_a_server_that_was_restarted_is_found_again(address: str) -> None:
    store = RunStore()
    run = store.submit(RunConfig())
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        )
    engine.dispose()
    assert store.append(run.id, step(1)) == 1


def test_a_server_that_is_not_there_is_said_without_the_password(
    address: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="cannot be reached") as caught:
        RunStore(f"postgresql://teacher:secret@/tuning?host={tmp_path}")
    assert "secret" not in str(caught.value)


def test_who_hangs_within_a_change_keeps_nobody_waiting(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a worker that was suspended: its change is undone, and it finds that it was cut off."""
    monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=60s")  # else it would wait for ever
    store = RunStore()
    run = store.submit(RunConfig())
    with monkeypatch.context() as patch:
        patch.setattr(schema, "BUSY_TIMEOUT_S", 4.0)
        hanging = schema.Database(address)
        patch.setattr(schema, "BUSY_TIMEOUT_S", 0.2)
        waits_less = RunStore()
    mine = update(tables.runs).where(tables.runs.c.id == run.id)

    happened: list[object] = []

    def hang() -> None:
        with hanging.transaction() as connection:
            connection.execute(mine.values(reason="not committed"))
            try:
                waits_less.append(run.id, step(1))
            except schema.StoreError as error:
                happened.append("is busy: another program" in str(error))
            happened.append(store.append(run.id, step(1)))
            connection.execute(mine.values(reason="too late"))

    with pytest.raises(schema.LostConnectionError, match="cannot be reached"):
        hang()
    assert happened == [True, 1]
    assert store.get(run.id).reason == ""
    with hanging.transaction() as connection:
        connection.execute(mine.values(reason="again"))
    assert store.get(run.id).reason == "again"
