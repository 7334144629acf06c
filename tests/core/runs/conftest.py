"""The databases that a run store may have."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.bench.faults import postgresql as installed


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server."""
    if not installed.find("initdb"):
        pytest.skip("no PostgreSQL is installed")
    with installed.server() as address:
        yield address


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.thorough)])
def database(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test runs once on each kind of database, which is empty."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    if request.param == "postgresql":
        address = request.getfixturevalue("postgresql")
        monkeypatch.setenv("DATABASE_URL", address)
        installed.empty(address)
    return request.param
