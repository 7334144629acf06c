"""One row of a table of the classroom, written whatever stands there: the same on SQLite and PostgreSQL."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def put(
    connection: Connection, table: Table, row: Mapping[str, Any], *, replaces: bool = True
) -> None:
    """Write a row; where one of the same primary key stands, replace it, or let it stand."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    insert = make(table).values(row)
    keys = [column.name for column in table.primary_key]
    if replaces:
        others = {name: value for name, value in row.items() if name not in keys}
        connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=others))
    else:
        connection.execute(insert.on_conflict_do_nothing(index_elements=keys))
