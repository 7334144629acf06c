"""A home in which each method is tuned once, for tests that only read its run."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def _tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tuned")


@pytest.fixture
def tuned_home(_tuned: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same for all tests of a process: what `finished` made there before is taken again."""
    monkeypatch.setenv("TUNING_FORK_HOME", str(_tuned))
    return _tuned
