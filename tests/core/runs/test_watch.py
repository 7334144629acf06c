"""The watch over workers and runs: it goes on whatever happens, and the log stays short."""

import logging
import threading

import pytest

from core.errors import UserError
from core.runs.engines.watch import keep_watch


def watched(
    caplog: pytest.LogCaptureFixture, *troubles: Exception | None
) -> list[logging.LogRecord]:
    """What is logged when looks end so, one after the other."""
    closed, left = threading.Event(), list(troubles)

    def look() -> None:
        trouble = left.pop(0)
        if not left:
            closed.set()
        if trouble:
            raise trouble

    keep_watch(look, every_s=0.001, closed=closed)
    return caplog.records


def test_a_database_that_is_away_takes_one_line(caplog: pytest.LogCaptureFixture) -> None:
    away = UserError("The run database cannot be reached.")
    found = watched(caplog, away, away, away, None)
    assert [one.getMessage() for one in found] == [
        "The watch over workers and runs goes on trying: The run database cannot be reached."
    ]
    assert not found[0].exc_info


def test_it_is_said_again_when_it_comes_back_or_is_another(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, other = UserError("One."), UserError("Other.")
    assert len(watched(caplog, one, other, None, other)) == 3


def test_what_nobody_foresaw_is_logged_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    assert watched(caplog, ArithmeticError("never seen before"), None)[0].exc_info
