"""Pages are driven without worker processes."""

import pytest

from core.runs.engines.local import LocalEngine


@pytest.fixture(autouse=True)
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real engine keeps two workers alive as soon as a model is there or a run waits. No test of a page
    needs them, and each loads torch beside the tests and takes seconds to end."""

    def refuse(engine: LocalEngine, role: str) -> None:
        raise AssertionError(f"a test of a page started the worker that is to {role}")

    monkeypatch.setattr(LocalEngine, "_watch", lambda engine: None)
    monkeypatch.setattr(LocalEngine, "_start", refuse)
