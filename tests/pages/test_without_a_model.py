"""No page waits for the model: all of it is there, and what computes asks for the model in place."""

import pytest
from streamlit.testing.v1 import AppTest

import pages.shared.engine
from core import catalog
from core.course.lessons import LESSONS
from core.runs.engines.preparation import Preparation
from core.runs.store import RunStore
from tests.pages.fake_engine import FakeEngine
from tests.pages.test_any_run import store
from tests.pages.test_lessons import engine, opened

pytestmark = pytest.mark.thorough
__all__ = ["engine", "store"]  # fixtures
MODEL = catalog.DEFAULT_MODEL


def headings(app: AppTest) -> list[str]:
    assert not app.exception
    assert not app.error
    return [heading.value for heading in (*app.title, *app.header, *app.subheader)]


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


@pytest.fixture
def no_model(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages.shared.engine, "is_ready", lambda entry: False)


@pytest.mark.parametrize("lesson", [lesson.id for lesson in LESSONS])
def test_a_lesson_is_whole_without_the_model(
    lesson: str, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = headings(opened(lesson))
    monkeypatch.setattr(pages.shared.engine, "is_ready", lambda entry: False)
    app = opened(lesson)
    assert headings(app) == prepared
    assert "Prepare the model" in labels(app)
    assert not engine.asked


def test_it_is_prepared_while_the_reader_goes_on(engine: FakeEngine, no_model: None) -> None:
    app = opened("forgetting")
    whole = headings(app)
    app.button(key="forgetting_run_start_prepare").click().run()
    assert engine.preparations[MODEL].running
    assert headings(app) == whole
    assert "Prepare the model" not in labels(app)
    (bar,) = app.get("progress")
    assert bar.proto.text == "Starting"
    app.radio(key="forgetting_park_guess").set_value("Amina and Omar").run()
    assert len(app.get("progress")) == 1


def test_a_preparation_that_failed_says_why_and_is_offered_again(
    engine: FakeEngine, no_model: None
) -> None:
    engine.preparations[MODEL] = Preparation(MODEL, running=False, error="The disk is full.")
    app = opened("forgetting")
    assert [said.value for said in app.error] == ["The disk is full."]
    app.button(key="prepare_again").click().run()
    assert engine.preparations[MODEL].running
    assert not app.error
