"""The lab report on a lesson's page: made of a finished run, and opened on another installation."""

import io

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.config import RunConfig
from core.course.content import lesson
from core.course.measured_run import MeasuredRun
from core.course.report import report
from core.experiments.collapse import collapse
from tests.pages.fake_engine import FakeEngine
from tests.pages.test_any_run import keep, store
from tests.pages.test_lessons import engine, opened, shown

__all__ = ["engine", "store"]
DOWNLOAD = "Download your lab report"


def downloads(app: AppTest) -> list[str]:
    return [one.proto.label for one in app.get("download_button")]


def test_a_finished_run_makes_a_report(engine: FakeEngine) -> None:
    assert DOWNLOAD not in downloads(opened("forgetting"))
    app = opened("forgetting", run=keep(engine.store, collapse(), "finished"))
    assert not app.exception
    assert DOWNLOAD in downloads(app)


def given(text: str, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The lesson, with a file in its box."""
    monkeypatch.setattr(st, "file_uploader", lambda *_, **__: io.BytesIO(text.encode()))
    app = opened("forgetting")
    assert not app.exception
    return app


def test_an_opened_report_sets_the_controls_and_offers_the_run(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    config: RunConfig = collapse(rate=1e-4, seed=7)
    text = report(lesson("forgetting"), MeasuredRun(config=config, events=()))
    app = given(text, monkeypatch)
    app.button(key="forgetting_report_settings").click()
    shown(app)
    assert app.number_input(key="forgetting_seed").value == 7
    app.button(key="forgetting_report_run").click()
    shown(app)
    (run,) = engine.store.runs()
    assert run.config == config
    assert app.query_params["run"] == run.id


def test_another_file_is_refused_and_the_page_goes_on(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = given("<html>a holiday</html>", monkeypatch)
    assert "no lab report of this app" in app.error[0].value
    assert app.button(key="forgetting_run_start")
    assert not engine.store.runs()
