"""The engine of this server: the one that the variable names, or a sentence why it cannot be had."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import pages.shared.engine
from core.paths import ROOT
from pages.shared.engine import server_engine
from tests.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    server_engine.clear()
    yield
    server_engine.clear()


@pytest.mark.parametrize(("wanted", "made"), [("", "local"), ("local", "local"), ("ray", "ray")])
def test_the_server_has_the_one_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch, wanted: str, made: str
) -> None:
    monkeypatch.setenv("TUNING_FORK_ENGINE", wanted)
    for name, kind in (("LocalEngine", "local"), ("RayEngine", "ray")):
        one: Any = SimpleNamespace(name=kind, close=lambda: None)
        monkeypatch.setattr(pages.shared.engine, name, lambda store, one=one: one)
    found: Any = server_engine()
    assert found.name == made


@pytest.mark.thorough
def test_without_its_settings_every_page_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TUNING_FORK_ENGINE", "ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    assert not app.exception
    (error,) = app.error
    assert "needs the address of a Ray cluster" in error.value
