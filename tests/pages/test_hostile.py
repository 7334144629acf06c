"""Hostile text in addresses, runs, files and answers: every page shows it as text."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.config import DataConfig, EvaluationConfig, MethodConfig, RunConfig
from core.data import uploads
from core.events import Notice, Sample
from core.runs.messages import Generate, Generated
from core.runs.store import RunStore
from pages.shared.plain import plain
from tests.pages import fake_engine
from tests.pages.fake_engine import TOKYO, FakeEngine
from tests.pages.hostile import HOSTILE, drawn
from tests.pages.test_any_run import NAMES, ROOT, store
from tests.pages.test_lessons import WORK, engine, opened
from tests.pages.test_pages import PAGES, name_of
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.thorough
__all__ = ["engine", "store"]  # fixtures
ALL = "\n".join(HOSTILE)
ONE_LINE = " ".join(HOSTILE).replace("\n", " ")
WITH_RUNS = [*WORK, "runs"]


def is_shown_as_text(app: AppTest, text: str = ALL) -> bool:
    """Whether the text is on the page; no line of it may stand there as it would be rendered."""
    assert not app.exception
    everything = drawn(app)
    for line in text.splitlines():
        if line != plain(line):
            assert not [shown for shown in everything if line in shown.splitlines()], line
    return any(plain(text) in shown.replace("\n> ", "\n") for shown in everything)


@pytest.mark.parametrize("page", [name for name, work in WORK.items() if work.run] + ["runs"])
def test_a_run_in_the_address_that_is_none(page: str, engine: FakeEngine) -> None:
    engine.store.stop(engine.store.submit(RunConfig()).id)  # "Runs" has something to choose from
    for name in NAMES.get(page, ("run",)):
        app = opened_page(page, **{name: ONE_LINE[:90]})
        assert is_shown_as_text(app, ONE_LINE[:90])


@pytest.mark.parametrize("status", ["failed", "stopped"])
@pytest.mark.parametrize("page", [name for name, work in WORK.items() if work.run] + ["runs"])
def test_reasons_and_notices_of_a_run(page: str, status: str, engine: FakeEngine) -> None:
    store: RunStore = engine.store
    watched = EvaluationConfig(tasks=("names",), prompts=(ALL[:1500],))
    full = MethodConfig(name="full")
    run = store.start(RunConfig(evaluation=watched, method=full), worker="somewhere else")
    store.append(run.id, Notice(step=0, message=ALL))
    for event in fake_answers(run.config):
        store.append(run.id, event)
    {"failed": store.fail, "stopped": store.stop}[status](run.id, ALL)
    for name in NAMES.get(page, ("run",)):
        app = opened_page(page, **{name: run.id})
        assert is_shown_as_text(app), name


def fake_answers(config: RunConfig) -> list[Any]:
    from tests.pages.test_any_run import recorded

    found = list(recorded(config, last_step=4))
    return [
        Sample(**{**vars(e), "output": ALL, "prompt": e.prompt}) if isinstance(e, Sample) else e
        for e in found
    ]


@pytest.mark.parametrize("lesson", ["home", "before", "forgetting"])
def test_what_the_model_answers(
    lesson: str, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Generated(n_prompt=4, token=type(TOKYO)(**{**vars(TOKYO), "text": ALL}))
    monkeypatch.setitem(fake_engine.ANSWERS, Generate, said)
    app = opened_page(lesson)
    for button in ("home_ask", "before_ask", "before_try"):
        if any(b.key == button for b in app.button):
            app.button(key=button).click().run()
            assert is_shown_as_text(app) or any(ALL in code.value for code in app.code)


@pytest.mark.parametrize("lesson", ["home", "before"])
def test_what_the_worker_says_is_wrong(lesson: str, engine: FakeEngine) -> None:
    engine.error = ALL
    app = opened_page(lesson)
    app.button(key=f"{lesson}_ask").click().run()
    assert is_shown_as_text(app)


def test_a_file_and_its_columns(engine: FakeEngine) -> None:
    name = ONE_LINE[:60].replace("/", "")
    app = opened("instruction", instruction_task="Your own pairs")
    app.file_uploader[0].set_value((f"{name}.jsonl", b'{"a": 1}', "text/plain")).run()
    assert not app.exception
    assert any(plain(name) in error.value for error in app.error)


def test_own_pairs_with_hostile_fields_and_labels(engine: FakeEngine) -> None:
    pairs = [
        {"prompt": f"{ALL} {n}", "completion": HOSTILE[n % 2], "group": HOSTILE[n % 3]}
        for n in range(20)
    ]
    run = engine.store.submit(
        RunConfig(data=DataConfig(task="custom", dataset=uploads.keep(pairs)))
    )
    engine.store.stop(run.id)
    for page in ("instruction", "evaluation"):
        app = opened_page(
            page, instruction_task="Your own pairs", dataset=uploads.keep(pairs), run=run.id
        )
        is_shown_as_text(app)


def opened_page(name: str, **address: str) -> AppTest:
    page = next(page for page in PAGES if name_of(page) == name)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    app.run()
    for key, value in address.items():
        app.query_params[key] = value
    return app.switch_page(str(Path(page).relative_to(ROOT))).run()
