"""Predict, compare, ask: the course's components, each on a page of its own."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.course.content import lesson
from core.course.progress import progress
from core.paths import ROOT
from pages.shared.ask import which
from pages.shared.predict import picture
from tests.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    return tmp_path


def predicting() -> None:
    """One guess that a formula answers, and bars that formulas answer."""
    from core.course.content import lesson
    from pages.shared.predict import predict_here, show_outcome

    if predict_here(lesson("one_base")):
        show_outcome(lesson("one_base"))


def clicked(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


def outcome(app: AppTest) -> str:
    html = [one.proto.body for one in app.get("html")]
    return " ".join([*html, *(m.value for m in app.markdown)])


GUESS = "one_base_adapter_size_guess"
OPEN = "one_base_memory_bars_heights_open"
"""Whether the sliders are unfolded."""


def test_a_guess_is_locked_then_compared_and_explained() -> None:
    app = AppTest.from_function(predicting).run()
    assert not app.exception
    app.radio(key=GUESS).set_value("About a tenth").run()
    assert "Your guess" not in outcome(app)
    clicked(app, "one_base_show_me")
    assert app.radio(key=GUESS).disabled
    assert (
        "Your guess: About a tenth. Measured: 0.34\u00a0%. Distance: 4.66. It came otherwise."
        in (outcome(app))
    )
    (kept,) = progress().of("predicted", lesson="one_base")
    assert (kept.item, kept.detail["guess"]) == ("adapter_size", "About a tenth")
    app.run()
    assert len(progress().of("predicted")) == 1  # kept once, not at every look
    why = app.radio(key="one_base_ask_adapter_size_why_run")
    wrong = next(t for t in why.options if "compressed" in t)
    why.set_value(wrong).run()
    assert "Not quite." in outcome(app)
    clicked(app, "one_base_again")
    assert app.radio(key=GUESS).value is None
    assert not app.radio(key=GUESS).disabled
    assert "Your guess" not in outcome(app)


def test_what_is_drawn_counts_once_it_is_touched() -> None:
    app = clicked(AppTest.from_function(predicting).run(), "one_base_show_me")
    assert "You made no guess." in [caption.value for caption in app.caption]
    clicked(app, "one_base_again")
    app.session_state[OPEN] = True
    app.run()
    app.slider(key="one_base_memory_bars_0_drawn").set_value(5400.0).run()
    app.slider(key="one_base_memory_bars_1_drawn").set_value(300.0).run()
    clicked(app, "one_base_show_me")
    assert "Your drawing is 13 away, on average" in outcome(app)
    assert app.slider(key="one_base_memory_bars_0_drawn").disabled
    clicked(app, "one_base_again")
    assert app.slider(key="one_base_memory_bars_0_drawn").value == 3000


def test_a_guess_can_be_left_out() -> None:
    app = clicked(AppTest.from_function(predicting).run(), "one_base_show_me")
    assert "Your guess" not in outcome(app)
    assert not progress().of("predicted")


@pytest.mark.thorough
def test_a_guess_is_there_when_the_page_was_left_and_is_back() -> None:
    app = AppTest.from_function(predicting).run()
    app.radio(key=GUESS).set_value("About a tenth").run()
    app.session_state[OPEN] = True
    app.run()
    app.slider(key="one_base_memory_bars_1_drawn").set_value(300.0).run()
    again = AppTest.from_function(predicting)
    for name in ("course_guesses", "one_base_memory_bars_heights"):
        again.session_state[name] = app.session_state[name]  # what widgets do not hold
    again.session_state[OPEN] = True
    again.run()
    assert again.radio(key=GUESS).value == "About a tenth"
    assert again.slider(key="one_base_memory_bars_1_drawn").value == 300.0


def asking() -> None:
    from core.course.content import lesson
    from pages.shared.ask import ask_while_waiting

    ask_while_waiting(lesson("forgetting"), "20261128-101500-ab12cd")


def test_a_question_explains_every_answer_and_is_not_lost() -> None:
    course = lesson("forgetting")
    question = course.questions[which("20261128-101500-ab12cd", len(course.questions))]
    app = AppTest.from_function(asking).run()
    for answer in question.answers:
        app.radio[0].set_value(answer.text).run()
        said = app.markdown[-1].value
        assert said.startswith("**Right.**" if answer.right else "**Not quite.**")
        assert course.shown(answer.explained)[-20:] in said
    assert app.session_state["course_answers"][f"forgetting {question.id}"]
    assert len(progress().of("answered")) == len(question.answers)


def test_all_questions_come_up() -> None:
    assert {which(f"run-{n}", 3) for n in range(20)} == {0, 1, 2}


def test_the_picture_shows_guess_and_measurement() -> None:
    (curve,) = lesson("forgetting").drawn
    figure = picture(curve, [0.6, 0.4, 0.3, 0.1], start=0.8)
    (guess,) = figure.data
    assert list(guess.x) == [0, 5, 10, 15, 20]  # pyright: ignore
    assert list(guess.y) == [0.8, 0.6, 0.4, 0.3, 0.1]  # pyright: ignore
    assert figure.layout.yaxis.title.text == curve.axis  # pyright: ignore


@pytest.mark.thorough
def test_the_thread_of_a_lesson() -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    app = app.switch_page("pages/lessons/lora/page.py").run()
    assert not app.exception
    found = "LoRA of rank 8 on two matrices of every layer trains 0.34\u00a0%"
    said = " ".join(m.value for m in app.markdown)
    assert "{{" not in said
    assert found not in said  # not before the guess, or without one
    clicked(app, "lora_end_show_me")
    assert found in " ".join(m.value for m in app.markdown)
    assert app.radio(key="lora_rank_one_guess").disabled
    assert "See [Soft prompts](soft)." in said
    questions = lesson("lora").questions
    assert {f"lora_ask_{q.id}_end" for q in questions} <= {radio.key for radio in app.radio}
