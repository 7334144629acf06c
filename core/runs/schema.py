"""How the database of the runs is opened, brought up to date, and what it says in trouble.

SQLite in the data folder by default, in write-ahead mode: readers never wait for the writer, and
writers wait for one another up to `BUSY_TIMEOUT_S`. `DATABASE_URL` names another database, such as
PostgreSQL; the queries in `core.runs.store` are the same for both.

Its tables as they are now stand in `tables.py`; how a database comes to have them, new or from an older version
of the app, stands in `migrations/versions`, which alembic applies. To change a table, change it there, add a
migration and raise `SCHEMA_VERSION`: the tests hold the three together.
"""

import json
import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Row,
    Select,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.errors import UserError
from core.paths import data_dir, writable
from core.runs.record import read_json

BUSY_TIMEOUT_S = 30.0
"""How long a writer waits for another one before it gives up."""
SCHEMA_VERSION = "0005"
"""The newest of `MIGRATIONS`. Versions are numbered: "0002" is newer than "0001"."""
MIGRATIONS = Path(__file__).with_name("migrations")

AWAY = {
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""In seconds: a server that is switched off, or behind a cut cable, is noticed within half a minute."""

ALONE = {
    "sqlite": "BEGIN IMMEDIATE",  # Python begins none before the first change
    "postgresql": "LOCK TABLE runs IN SHARE ROW EXCLUSIVE MODE",
}


class StoreError(UserError):
    """The database can do nothing now, such as on a full disk; what was recorded before stays."""


class LostConnectionError(StoreError):
    """The server of the database cannot be reached now, or has just gone; SQLite has none."""


class Database:
    """An open database. Errors of the machine leave it as `StoreError`."""

    def __init__(self, address: str) -> None:
        """Connect to `address` (empty: the SQLite file in the data folder); bring its tables up to date.

        Processes that do this at once wait for one another. Raises `UserError` for an address that
        is not understood and for a database that cannot be reached, written or read, or is of a newer
        version of the app.
        """
        folder = writable(data_dir())
        default = URL.create("sqlite", database=str(folder / "runs.sqlite3"))
        self._url = _parse(address) if address else default
        self._engine = _engine(self._url)
        try:
            with FileLock(folder / "runs.lock", timeout=BUSY_TIMEOUT_S):
                self._bring_up_to_date()
        except OSError as error:
            raise UserError(
                f"The folder {folder} cannot be used: {error.strerror or error}."
            ) from error

    def _bring_up_to_date(self) -> None:
        with self.transaction() as connection:
            version = _version(connection)
            if version > SCHEMA_VERSION:
                raise UserError(
                    f"The run database {describe(self._url)} was written by a newer version of Tuning "
                    "Fork; update this one, or name another database in DATABASE_URL."
                )
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            if version < SCHEMA_VERSION:
                _migrate(connection)
        if version < SCHEMA_VERSION:
            self._engine.dispose()  # the next connection has its foreign keys again

    @contextmanager
    def transaction(self, *, alone: bool = False) -> Generator[Connection]:
        """All that is executed within is recorded together at the end, or not at all.

        `alone`: what it reads of the runs, no other process changes until then.
        """
        try:
            with self._engine.begin() as connection:
                if alone:
                    connection.exec_driver_sql(ALONE[connection.dialect.name])
                yield connection
        except (DataError, IntegrityError, ProgrammingError):
            raise  # a mistake of ours
        except (DBAPIError, PoolTimeout) as error:
            raise explain(error, self._url) from error

    def rows(self, query: Select[*tuple[Any, ...]]) -> list[Row[Any]]:
        """The result of one query."""
        with self.transaction() as connection:
            return list(connection.execute(query))


def _version(connection: Connection) -> str:
    """Empty for a database that is new, or from before there were versions."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return connection.scalar(text("SELECT version_num FROM alembic_version")) or ""


def _migrate(connection: Connection) -> None:
    """Apply the migrations that the database lacks, all or none."""
    from alembic import command  # slow to import, and seldom wanted
    from alembic.config import Config

    if connection.dialect.name == "sqlite":
        # SQLite changes a table by copying and dropping it; its events are not to go with it.
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # Python begins none before CREATE TABLE
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")


def _parse(address: str) -> URL:
    try:
        url = make_url(address)
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError) as error:
        raise UserError(
            "The database address is not understood; DATABASE_URL looks like "
            "postgresql://user:password@host/name or sqlite:////folder/runs.sqlite3."
        ) from error
    return url


def _engine(url: URL) -> Engine:
    options: dict[str, Any] = {
        "json_serializer": partial(json.dumps, allow_nan=False),
        "json_deserializer": read_json,
    }
    if url.get_backend_name() == "sqlite":
        _check_file(Path(url.database or ""))
        options["connect_args"] = {"timeout": BUSY_TIMEOUT_S}
    else:
        options["pool_pre_ping"] = True  # the database's server may have been restarted
    if url.get_driver_name().startswith("psycopg"):
        options["connect_args"] = AWAY
    try:
        engine = create_engine(url, **options)
    except ModuleNotFoundError as error:
        raise UserError(
            f"The run database {describe(url)} needs the Python package {error.name}; "
            "install it, or unset DATABASE_URL."
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
    if engine.dialect.name == "postgresql":
        event.listen(engine, "connect", _set_up_postgresql)
    event.listen(engine, "before_cursor_execute", _with_plain_texts, retval=True)
    return engine


def _with_plain_texts(
    _connection: Connection, _cursor: object, statement: str, parameters: Any, *_: object
) -> tuple[str, Any]:
    return statement, _plain(parameters)


def _plain(value: Any) -> Any:
    """Without NUL, which PostgreSQL refuses, and with a question mark for what is no text, as in a file name
    of another encoding. What is JSON has both spelled out."""
    if isinstance(value, str):
        return value.replace("\0", "").encode(errors="replace").decode()
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(each) for each in value)
    return value


def _check_file(file: Path) -> None:
    if not file.name or str(file) == ":memory:":
        raise UserError("The run database must be a file that several processes can open.")
    writable(file.parent)
    if file.exists() and not os.access(file, os.W_OK):
        raise UserError(f"The run database {file} cannot be written; check its permissions.")


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")  # safe in write-ahead mode, one fsync less


def _set_up_postgresql(connection: Any, _record: object) -> None:
    """It waits for a lock as long as SQLite; and one that hangs within a transaction is cut off, else it would
    keep the others waiting for ever."""
    with connection.cursor() as cursor:
        for setting in ("lock_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute(f"SET {setting} = {BUSY_TIMEOUT_S * 1000:.0f}")
    connection.commit()


def describe(url: URL) -> str:
    """The address for a person: a file path, or the URL without its password."""
    sqlite = url.get_backend_name() == "sqlite"
    return str(url.database) if sqlite else url.render_as_string(hide_password=True)


FULL = "The disk is full: {where} cannot record more. Free some space, then try again."
BUSY = (
    "The run database {where} is busy: another program has been holding it for "
    f"{BUSY_TIMEOUT_S:.0f} seconds. Close that program, then try again."
)
SENTENCES = (
    ("No space left", FULL),
    ("is full", FULL),
    ("locked", BUSY),
    ("lock timeout", BUSY),
    ("readonly", "The run database {where} cannot be written; check its permissions."),
    ("unable to open", "The run database {where} cannot be opened; check its permissions."),
    ("not a database", "The file {where} is not a run database; move it away and start again."),
    ("malformed", "The run database {where} is damaged; move it away and start again."),
)
"""What the database says -> what we say."""


def explain(error: DBAPIError | PoolTimeout, url: URL) -> StoreError:
    """A sentence for trouble with the machine."""
    if isinstance(error, PoolTimeout):
        return StoreError("Too many requests wait for the run database; try again in a moment.")
    cause = str(error.orig)
    if is_lost(error, url):
        return LostConnectionError(
            f"The run database {describe(url)} cannot be reached: {cause.strip().splitlines()[0]}"
        )
    for said, sentence in SENTENCES:
        if said in cause:
            return StoreError(sentence.format(where=describe(url)))
    return StoreError(f"The run database {describe(url)} cannot be used: {cause.strip()}.")


GONE_STATES = ("08", "57P", "53300", "25P03")
"""Of PostgreSQL: connection trouble, a server that shuts down or starts, one with too many clients, one that cut us off
while we were suspended within a transaction."""


def is_lost(error: DBAPIError, url: URL) -> bool:
    """Whether the server is away, so that the same may work later; not whether it refuses something."""
    if url.get_backend_name() == "sqlite":
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # no server said it
        return isinstance(error, OperationalError) or error.connection_invalidated
    return state.startswith(GONE_STATES)
