"""The lab report on a lesson's page: made of a finished run, and opened on another installation."""

import io
from dataclasses import replace
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.config import RunConfig
from core.course.content import lesson
from core.course.report import report
from core.course.report_settings import Asked, Settings
from core.experiments.adapters import adapter_config
from core.experiments.collapse import collapse
from core.experiments.methods import method_config
from core.experiments.prompting import tuned_config
from core.generate.settings import SamplingSettings
from core.runs import prompt_evaluation
from core.runs.prompt_evaluation import PromptEvaluation
from tests.pages.fake_engine import FakeEngine
from tests.pages.test_answers import OPENED
from tests.pages.test_any_run import keep, store
from tests.pages.test_lessons import WORK, engine, opened, shown

__all__ = ["engine", "store"]
DOWNLOAD = "Download your lab report"


def downloads(app: AppTest) -> list[str]:
    return [one.proto.label for one in app.get("download_button")]


@pytest.mark.thorough
def test_a_finished_run_makes_a_report(engine: FakeEngine) -> None:
    assert DOWNLOAD not in downloads(opened("forgetting"))
    app = opened("forgetting", run=keep(engine.store, collapse(), "finished"))
    assert not app.exception
    assert DOWNLOAD in downloads(app)


def given(
    text: str, monkeypatch: pytest.MonkeyPatch, course: str = "forgetting", **address: str
) -> AppTest:
    """The lesson, with a file in its box."""
    monkeypatch.setattr(st, "file_uploader", lambda *_, **__: io.BytesIO(text.encode()))
    app = opened(course, **address)
    assert not app.exception
    return app


def report_of(course: str, **settings: Any) -> str:
    """A report with these settings and nothing that came of them."""
    return report(lesson(course), None, settings=Settings(lesson=course, **settings))


@pytest.mark.thorough
def test_an_opened_report_sets_the_controls_and_offers_the_run(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    config: RunConfig = collapse(rate=1e-4, seed=7)
    text = report_of("forgetting", runs=(config,))
    app = given(text, monkeypatch)
    app.button(key="forgetting_report_settings").click()
    shown(app)
    assert app.number_input(key="forgetting_seed").value == 7
    app.button(key="forgetting_report_run").click()
    shown(app)
    (run,) = engine.store.runs()
    assert run.config == config
    assert app.query_params["run"] == run.id


@pytest.mark.thorough
def test_another_file_is_refused_and_the_page_goes_on(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = given("<html>a holiday</html>", monkeypatch)
    assert "no lab report of this app" in app.error[0].value
    assert app.button(key="forgetting_run_start")
    assert not engine.store.runs()


@pytest.mark.thorough
def test_a_report_of_another_lesson_leads_there(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = given(report_of("peft", runs=(method_config("ia3"),)), monkeypatch)
    assert any("This is a report of Lesson 6." in one.value for one in app.markdown)
    assert "forgetting_report_settings" not in keys(app)


@pytest.mark.thorough
def test_settings_that_the_controls_do_not_have_are_only_run(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = given(report_of("forgetting", runs=(method_config("ia3"),)), monkeypatch)
    assert "forgetting_report_settings" not in keys(app)
    assert any("cannot be set to these settings" in one.value for one in app.caption)
    app.button(key="forgetting_report_run").click()
    shown(app)
    assert [run.config for run in engine.store.runs()] == [method_config("ia3")]


def keys(app: AppTest) -> list[str]:
    return [button.key for button in app.button if button.key]


@pytest.mark.thorough
@pytest.mark.parametrize("course", sorted(OPENED))
def test_each_lesson_takes_the_settings_that_it_opens_with(
    course: str, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With seed 7, so that something is set."""
    config = replace(OPENED[course][1], seed=7)
    app = given(report_of(course, runs=(config,)), monkeypatch, course)
    app.button(key=f"{course}_report_settings").click()
    shown(app)
    app.button(key=WORK[course].button).click()
    shown(app)
    assert [run.config for run in engine.store.runs()] == [config]


@pytest.mark.thorough
def test_prompts_that_were_asked_make_a_report_and_come_back(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened("before")
    assert DOWNLOAD not in downloads(app)
    app.button(key="before_ask").click()
    assert DOWNLOAD in downloads(shown(app))
    asked = Asked(
        text="Is it cold?", raw=True, settings=SamplingSettings(temperature=0.5, max_new_tokens=9)
    )
    app = given(report_of("before", asked=asked), monkeypatch, "before")
    app.button(key="before_report_settings").click()
    shown(app)
    assert app.text_area(key="before_prompt_sentiment_0").value == "Is it cold?"
    assert app.slider(key="before_temperature").value == 0.5
    app.button(key="before_report_ask").click()
    shown(app)
    last = engine.asked[-1]
    assert (last.text, last.raw, last.settings) == (asked.text, True, asked.settings)


@pytest.mark.thorough
def test_adapters_make_a_report_and_are_trained_again(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = tuple(map(adapter_config, ("topic", "emotion")))
    app = given(report_of("one_base", runs=configs), monkeypatch, "one_base")
    assert DOWNLOAD not in downloads(app)
    app.button(key="one_base_report_settings").click()
    shown(app)
    assert app.session_state["one_base_tasks"] == ["topic", "emotion"]
    app.button(key="one_base_report_start").click()
    shown(app)
    assert {run.config for run in engine.store.runs()} == set(configs)
    kept = keep(engine.store, adapter_config("names"), "finished")
    folder = engine.store.artifact_dir(kept)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter").write_bytes(bytes(1000))
    assert DOWNLOAD in downloads(opened("one_base"))


@pytest.mark.thorough
def test_a_measured_prompt_makes_a_report_and_is_measured_again(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = PromptEvaluation(task="topic", shots=2, seed=5)
    tuned = tuned_config("topic", "lora", 16)
    text = report_of("choice", measured=wanted, runs=(tuned,))
    app = given(text, monkeypatch, "choice")
    assert DOWNLOAD not in downloads(app)
    app.button(key="choice_report_settings").click()
    shown(app)
    assert app.slider(key="choice_shots").value == 2
    assert app.session_state["choice_task"] == "topic"
    app.button(key="choice_report_train_start").click()
    shown(app)
    assert [run.config for run in engine.store.runs()] == [tuned]
    assert "choice_report_start" in keys(app)
    prompt_evaluation.keep(
        prompt_evaluation.Measured(
            asking=wanted,
            measured_at=1.0,
            score=0.5,
            metric="exact_match",
            interval=(0.4, 0.6),
            n=48,
            prompt_tokens=50.0,
            uncached_tokens=30.0,
            answer_tokens=2.0,
            seconds=(0.1, 0.2),
            cached_seconds=(0.1, 0.1),
        )
    )
    assert DOWNLOAD in downloads(opened("choice", choice_task="Topic"))


@pytest.mark.thorough
def test_nothing_to_repeat_is_said(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    for course in ("before", "one_base", "choice", "forgetting"):
        app = given(report_of(course), monkeypatch, course)
        assert [one.value for one in app.error if "nothing to" in one.value]
