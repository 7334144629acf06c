"""A classroom in a database of its own, of each kind."""

from pathlib import Path

import pytest

from core.classroom.classroom import Classroom


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return tmp_path


@pytest.fixture
def room(database: str) -> Classroom:
    return Classroom()


class Clock:
    """The time of day as a test sets it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    for module in ("classes", "tickets", "learners"):
        monkeypatch.setattr(f"core.classroom.{module}.time", found)
    return found
