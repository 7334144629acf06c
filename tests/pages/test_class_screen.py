"""A learner's screen follows the teacher: looks there, waits while the class is paused, and says where it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.classroom.classroom import SERVER, Classroom
from core.classroom.steering import Look
from core.visitor import Visitor
from pages.shared import class_screen, visitor
from tests.patience import PATIENCE_S
from tests.people import learner_of, teacher_of

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.thorough
Open = Callable[[Visitor, str], AppTest]


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Classroom:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv(SERVER, "1")
    st.cache_resource.clear()
    return Classroom()


@pytest.fixture
def teacher(room: Classroom) -> Visitor:
    return teacher_of(room)


@pytest.fixture
def mia(room: Classroom, teacher: Visitor) -> Visitor:
    return learner_of(room, teacher, "Mia")


@pytest.fixture
def open_page(room: Classroom, monkeypatch: pytest.MonkeyPatch) -> Open:
    def opened(who: Visitor, page: str) -> AppTest:
        space = who.space if who.role == "learner" else None
        cookies = {visitor.COOKIE: room.tickets.cookie(who.class_id, space)}
        monkeypatch.setattr(type(st.context), "cookies", property(lambda _: cookies))
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
        app.switch_page(f"pages/{page}/page.py").run()
        assert not app.exception
        return app

    return opened


@pytest.fixture
def holds(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the browser was told; it goes at once where it is asked to."""
    found: list[dict[str, Any]] = []

    def hold(name: str, held: str, *, look: int = 0) -> int:
        found.append({"name": name, "held": held, "look": look})
        return look

    monkeypatch.setattr(class_screen, "hold", hold)
    return found


def forget_the_row(room: Classroom) -> None:
    """The server may tell a page what it read a second ago."""
    visitor.classroom().steering._kept.clear()


def said(app: AppTest) -> str:
    return "\n".join(one.value for one in app.main.markdown)


def test_the_page_that_a_learner_opens_is_known(
    room: Classroom, teacher: Visitor, mia: Visitor, open_page: Open
) -> None:
    open_page(mia, "lessons/one_base")
    (seen,) = room.presence.of_class(teacher, teacher.class_id)
    assert (seen.space, seen.page) == (mia.space, "base")
    app = open_page(teacher, "lessons/one_base")
    assert len(room.presence.of_class(teacher, teacher.class_id)) == 1
    assert {"corner_look", "corner_freeze", "corner_link"} <= {button.key for button in app.button}


def test_everyone_looks_where_the_teacher_looks(
    room: Classroom, teacher: Visitor, mia: Visitor, open_page: Open, holds: list[dict[str, Any]]
) -> None:
    learner = open_page(mia, "lessons/forgetting")
    learner.number_input(key="forgetting_steps").set_value(50).run()
    assert not {key for button in learner.button if (key := button.key or "").startswith("corner")}
    look = Look(
        page="forgetting",
        settings={"forgetting_seed": ["7"]},
        values={"forgetting_seed": 7, "forgetting_steps": 20},
    )
    room.steering.look_here(teacher, teacher.class_id, look)
    forget_the_row(room)
    learner.run()
    assert not learner.exception
    assert learner.number_input(key="forgetting_seed").value == 7
    assert learner.number_input(key="forgetting_steps").value == 20  # as the page opens it, again
    elsewhere = Look(page="base")
    room.steering.look_here(teacher, teacher.class_id, elsewhere)
    forget_the_row(room)
    learner.run()
    assert learner.title[0].value == "One base, many tasks"
    assert "Your teacher brought you here." in said(learner)
    before = len(holds)
    learner.run()
    assert {one["look"] for one in holds[before:]} == {0}  # once


def test_who_comes_much_later_is_not_moved(
    room: Classroom,
    teacher: Visitor,
    mia: Visitor,
    open_page: Open,
    holds: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room.steering.look_here(teacher, teacher.class_id, Look(page="base"))
    real = class_screen.now
    monkeypatch.setattr(class_screen, "now", lambda: real() + 3600)
    assert open_page(mia, "lessons/forgetting").title[0].value == "Catastrophic forgetting"
    assert {one["look"] for one in holds} == {0}


def test_a_paused_class_reads_on_and_starts_nothing(
    room: Classroom, teacher: Visitor, mia: Visitor, open_page: Open, holds: list[dict[str, Any]]
) -> None:
    app = open_page(teacher, "lessons/forgetting")
    app.button(key="corner_freeze").click().run()
    assert app.button(key="corner_freeze").label == "Let the class go on"
    forget_the_row(room)
    learner = open_page(mia, "lessons/forgetting")
    assert "Your teacher has paused the class" in said(learner)
    assert "stSlider" in holds[-1]["held"]
    assert "stButton" in holds[-1]["held"]
    room.steering.freeze(teacher, teacher.class_id, False)
    forget_the_row(room)
    learner.run()
    assert "paused" not in said(learner)
    assert holds[-1]["held"] == ""


def test_a_guess_is_on_the_wall_as_soon_as_it_is_locked(
    room: Classroom, teacher: Visitor, mia: Visitor, open_page: Open
) -> None:
    learner = open_page(mia, "lessons/one_base")
    learner.radio(key="one_base_adapter_size_guess").set_value("About a tenth").run()
    assert room.guesses.of(teacher, teacher.class_id, "one_base", "adapter_size") == []
    learner.button(key="one_base_show_me").click().run()
    assert not learner.exception
    (guess,) = room.guesses.of(teacher, teacher.class_id, "one_base", "adapter_size")
    assert (guess.space, guess.guess) == (mia.space, "About a tenth")
    learner.button(key="one_base_again").click().run()
    learner.radio(key="one_base_adapter_size_guess").set_value("About a hundredth").run()
    learner.button(key="one_base_show_me").click().run()
    (guess,) = room.guesses.of(teacher, teacher.class_id, "one_base", "adapter_size")
    assert guess.guess == "About a tenth"  # the first one counts
    room.guesses.clear(teacher, teacher.class_id, "one_base", "adapter_size")
    learner.button(key="one_base_again").click().run()
    learner.radio(key="one_base_adapter_size_guess").set_value("About a hundredth").run()
    learner.button(key="one_base_show_me").click().run()
    (guess,) = room.guesses.of(teacher, teacher.class_id, "one_base", "adapter_size")
    assert guess.guess == "About a hundredth"
