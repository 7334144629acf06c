"""Every lesson, driven through the states of a run with a fake engine: empty, queued, running, over.

A lesson is in the list of `core.course.lessons`, so a new one must say here which button starts its work.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import pages.shared.engine
from core.config import MethodConfig
from core.course import content
from core.course.lessons import LESSONS
from core.events import Event, Step
from core.runs.messages import AskLabels, Evaluate, Generate, LookAtMatrices, LookAtSpectrum
from core.runs.store import Run, RunStore
from tests.pages.fake_engine import MERGED, FakeEngine
from tests.pages.test_any_run import ROOT, configs, end, keep, own_data, recorded, store
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.thorough
__all__ = ["store"]  # a fixture


@dataclass(frozen=True)
class Work:
    """What a lesson starts: its button, and under which name a run stands in the address."""

    button: str
    run: str = ""
    """"" where the button queues several runs, which the address does not name."""


WORK = {
    "instruction": Work("instruction_run_start", "run"),
    "forgetting": Work("forgetting_run_start", "run"),
    "cures": Work("cures_start", "run"),
    "multitask": Work("multitask_run_start", "mix"),
    "peft": Work("peft_start", "run"),
    "lora": Work("lora_start", "run"),
    "soft_prompts": Work("soft_prompts_start", "run"),
    "one_base": Work("one_base_start"),
    "evaluation": Work("evaluation_train_start", "run"),
    "choice": Work("choice_train_start"),
}
ASKS = {"before": "before_ask"}
"""A lesson that trains nothing: its button asks the base model."""
each_lesson = pytest.mark.parametrize("lesson", WORK)


@pytest.fixture
def engine(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    """The engine that the app makes, in place of the real one."""
    monkeypatch.setattr(pages.shared.engine, "LocalEngine", FakeEngine)
    made: Any = pages.shared.engine.engine()
    yield made
    pages.shared.engine.server_engine.clear()


def opened(lesson: str, **address: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    for name, value in address.items():
        app.query_params[name] = value
    return app.switch_page(f"pages/lessons/{lesson}/page.py").run()


def pressed(app: AppTest, work: Work) -> AppTest:
    app.button(key=work.button).click()
    return shown(app)


def shown(app: AppTest) -> AppTest:
    """The page once more, without an error."""
    app.run()
    assert not app.exception
    return app


def progress(app: AppTest) -> str:
    return " ".join(bar.proto.text for bar in app.get("progress"))


def train(store: RunStore, *, last_step: int) -> Run:
    """Take the next run from the queue and bring it to a step."""
    run = store.claim(worker="somewhere else")
    assert run
    for event in recorded(run.config, last_step=last_step):
        store.append(run.id, event)
    return run


def test_every_lesson_is_driven() -> None:
    assert {*WORK, *ASKS} == {lesson.id for lesson in LESSONS}


@each_lesson
def test_from_an_empty_lesson_to_a_finished_run(lesson: str, engine: FakeEngine) -> None:
    work, app = WORK[lesson], opened(lesson)
    assert not app.exception
    assert not app.error
    assert not app.get("progress")
    app = pressed(app, work)
    runs = engine.store.runs()
    assert {run.status for run in runs} == {"queued"}
    if work.run:
        assert app.query_params[work.run] == runs[0].id
        assert progress(app).startswith("Waiting. Yours is next.")
    else:
        assert progress(app) == f"0 of {len(runs)} runs finished. Yours is next."
    run = train(engine.store, last_step=2)
    assert "tep 2 of" in progress(shown(app))
    step = next(e for e in recorded(run.config, last_step=3) if isinstance(e, Step) and e.step == 3)
    engine.store.append(run.id, step)
    assert "tep 3 of" in progress(shown(app))
    app.button(
        key=f"live_stop_{run.id}" if work.run else work.button.replace("start", "stop")
    ).click()
    shown(app)
    assert all(engine.store.stop_requested(run.id) for run in engine.store.active())
    end(engine.store, run, "finished")
    shown(app)
    if work.run:
        assert any("Finished after 3 steps" in said.value for said in app.success)
    else:
        assert any(f"{len(runs) - 1} of {len(runs)} to run" in b.label for b in app.button)
    assert not app.error


@pytest.mark.parametrize(
    ("lesson", "key", "guess", "came"),
    [
        (
            "cures",
            "cures_general_kept_guess",
            "below 0.3",
            "Measured: 1.00. Distance: 0.70. It came otherwise.",
        ),
        (
            "multitask",
            "multitask_held_out_guess",
            "no clear change",
            "Measured: a change of +0.00 (between -0.49 and +0.49). You were right.",
        ),
    ],
)
def test_a_guess_before_the_run_is_set_beside_what_came(
    lesson: str, key: str, guess: str, came: str, engine: FakeEngine
) -> None:
    app = opened(lesson)
    app.radio(key=key).set_value(guess).run()
    app = pressed(app, WORK[lesson])
    assert guesses(app) == []
    end(engine.store, train(engine.store, last_step=4), "finished")
    (said,) = guesses(shown(app))
    assert f"Your guess: {guess}. {came}" in said
    app.number_input(key=f"{lesson}_seed").set_value(5)
    app = pressed(app, WORK[lesson])
    end(engine.store, train(engine.store, last_step=4), "finished")
    assert guesses(shown(app)) == []  # the guess was of another run
    assert any("guess was about another run" in caption.value for caption in app.caption)


@pytest.mark.parametrize("lesson", [lesson.id for lesson in LESSONS])
def test_what_was_found_waits_until_the_guess_is_locked(lesson: str, engine: FakeEngine) -> None:
    """In every lesson in one way: the guesses are asked for, and one click shows what came, with or without them."""
    course, app = content.lesson(lesson), opened(lesson)
    found = course.shown(course.text["can_say"])
    asked = [f"{lesson}_{one.id}_guess" for one in course.chosen]
    assert not any(found in text.value for text in app.markdown)
    assert not any(app.radio(key=key).disabled for key in asked)
    app.button(key=f"{lesson}_end_show_me").click()
    assert any(found in text.value for text in shown(app).markdown)
    assert all(app.radio(key=key).disabled for key in asked)
    assert not engine.asked


def guesses(app: AppTest) -> list[str]:
    return [one.proto.body for one in app.get("html") if 'class="guess"' in one.proto.body]


@each_lesson
def test_a_failed_run_is_said_with_its_reason(lesson: str, engine: FakeEngine) -> None:
    app = pressed(opened(lesson), WORK[lesson])
    end(engine.store, train(engine.store, last_step=2), "failed")
    assert any("The disk is full." in said.value for said in shown(app).error)
    assert not app.button(key=WORK[lesson].button).disabled


@each_lesson
def test_a_run_on_own_data(lesson: str, engine: FakeEngine) -> None:
    run_id = keep(engine.store, configs()["own data"], "finished")
    name = WORK[lesson].run
    app = opened(lesson, **({name: run_id} if name else {}))
    assert not app.exception
    assert not app.error
    if name:
        assert any("Finished after 4 steps" in said.value for said in app.success)


@pytest.mark.parametrize("lesson", ["instruction", "forgetting"])
def test_a_link_does_not_carry_the_guess(lesson: str, engine: FakeEngine) -> None:
    app = opened(lesson)
    (guess,) = [radio for radio in app.radio if "Guess first" in radio.label]
    guess.set_value(guess.options[1])
    app = pressed(shown(app), WORK[lesson])
    address = app.query_params
    assert engine.store.runs()[0].id in str(address)
    assert not any("guess" in name or guess.options[1] in str(address[name]) for name in address)
    (again,) = [r for r in opened(lesson, **address).radio if "Guess first" in r.label]  # pyright: ignore
    assert again.value is None


def test_own_pairs_are_what_is_trained_on(engine: FakeEngine) -> None:
    wanted = own_data()
    app = opened("instruction", instruction_task="Your own pairs", dataset=wanted.dataset)
    pressed(app, WORK["instruction"])
    (run,) = engine.store.runs()
    assert (run.config.data.task, run.config.data.dataset) == ("custom", wanted.dataset)


def test_a_question_and_its_answer(engine: FakeEngine) -> None:
    app = opened("before")
    app.button(key=ASKS["before"]).click()
    assert "Tokyo" in [code.value for code in shown(app).code]
    (asked,) = engine.asked
    assert isinstance(asked, Generate)
    assert not asked.raw
    engine.error = "The model process ended unexpectedly."
    app.button(key=ASKS["before"]).click()
    assert [said.value for said in shown(app).error] == [engine.error]


def test_what_a_finished_run_holds_is_asked_once(engine: FakeEngine) -> None:
    lora = replace(configs()["sentiment"], method=MethodConfig(name="lora"))
    run_id = keep(engine.store, lora, "finished")

    app = opened("lora", run=run_id)
    assert [type(asked) for asked in engine.asked] == [LookAtMatrices, LookAtSpectrum]
    app.slider(key="lora_layer").set_value(7)
    shown(app)
    assert [asked.layer for asked in engine.asked] == [29, 29, 7, 7]
    app.button(key="lora_merge").click()
    assert any(MERGED.words in text.value for text in shown(app).markdown)
    assert len(engine.asked) == 5

    again = opened("lora", run=run_id)  # another reader
    again.slider(key="lora_layer").set_value(7)
    again.button(key="lora_merge").click()
    assert any(MERGED.words in text.value for text in shown(again).markdown)
    assert len(engine.asked) == 5


def test_an_answer_that_failed_is_asked_again(engine: FakeEngine) -> None:
    lora = replace(configs()["sentiment"], method=MethodConfig(name="lora"))
    engine.error = "The run has no saved weights; run it again."
    app = opened("lora", run=keep(engine.store, lora, "finished"))
    assert [said.value for said in app.error] == [engine.error]
    engine.error = ""
    assert not shown(app).error


def test_probabilities_of_labels_are_asked_once(engine: FakeEngine) -> None:
    for app in (opened("evaluation"), opened("evaluation")):
        for key in ("evaluation_evaluate_start", "evaluation_labels_start"):
            if key in [button.key for button in app.button]:
                app.button(key=key).click()
                shown(app)
        assert any("the labels hold 90.0\u00a0%" in caption.value for caption in app.caption)
        assert [type(asked) for asked in engine.asked] == [Evaluate, AskLabels]


def test_a_view_reads_only_what_is_new(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    app = pressed(opened("forgetting"), WORK["forgetting"])
    run = train(engine.store, last_step=2)
    shown(app)
    read: list[int] = []
    real = RunStore.events

    def watched(self: RunStore, run_id: str, *, after: int = 0) -> list[Event]:
        found = real(self, run_id, after=after)
        read.append(len(found))
        return found

    monkeypatch.setattr(RunStore, "events", watched)
    shown(app)
    assert set(read) == {0}
    end(engine.store, run, "finished")
    pages.shared.engine.delete_run(run.id)
    assert pages.shared.engine.events_of(run.id) == []
