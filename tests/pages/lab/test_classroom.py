"""The teacher's page, and pages as the learners of a class see them."""

import time
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.classroom.classes import SchoolClass
from core.classroom.classroom import SERVER, Classroom
from core.classroom.codes import spoken
from core.course.progress import progress
from core.visitor import OWNER
from pages.shared import visitor as who
from pages.shared.visitor import KNOWN_S
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    st.cache_resource.clear()


@pytest.fixture
def room() -> Classroom:
    return Classroom()


@pytest.fixture
def begun(room: Classroom) -> tuple[SchoolClass, str]:
    school_class, secret = room.classes.begin(name="8b *bold*", minutes=45)
    room.classes.reached_at(school_class.id, "http://192.168.1.20:8501")
    return room.classes.get(school_class.id), secret


class Browser:
    """Tabs with a cookie; in a test Streamlit sees none of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        monkeypatch.setenv(SERVER, "1")

    def open(self, page: str, cookie: str) -> AppTest:
        cookies = {who.COOKIE: cookie}
        self.monkeypatch.setattr(type(st.context), "cookies", property(lambda _: cookies))
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
        if not app.error:
            app.switch_page(f"pages/lab/{page}/page.py").run()
        assert not app.exception
        return app


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    return Browser(monkeypatch)


def text_of(app: AppTest) -> str:
    elements = (*app.main.markdown, *app.main.caption, *app.header)
    return "\n".join([*(e.value for e in elements), *(e.proto.body for e in app.get("html"))])


@pytest.mark.thorough
def test_the_teacher_sees_the_way_in_and_who_has_joined(
    room: Classroom, begun: tuple[SchoolClass, str], browser: Browser
) -> None:
    school_class, secret = begun
    room.enter(school_class.code, "Mia-Lou")
    app = browser.open("classroom", room.teach(secret))
    said = text_of(app)
    assert "192.168.1.20:8501" in said
    assert spoken(school_class.code) in said
    assert "**1 joined**" in said
    assert "Mia-Lou" in said
    assert r"8b \*bold\*" in said
    assert app.metric[0].value == "45"
    assert secret not in said


@pytest.mark.thorough
def test_the_teacher_lets_a_learner_in_again(
    room: Classroom, begun: tuple[SchoolClass, str], browser: Browser
) -> None:
    school_class, secret = begun
    mia = room.tickets.visitor(room.enter(school_class.code, "Mia"))
    app = browser.open("classroom", room.teach(secret))
    app.button(key="classroom_word").click().run()
    assert room.tickets.visitor(room.enter(app.code[-1].value)) == mia


@pytest.mark.thorough
def test_the_teacher_prolongs_ends_and_deletes(
    room: Classroom, begun: tuple[SchoolClass, str], browser: Browser
) -> None:
    school_class, secret = begun
    room.enter(school_class.code, "Mia")
    app = browser.open("classroom", room.teach(secret))
    app.button(key="classroom_more").click().run()
    assert room.classes.get(school_class.id).left_s / 60 == pytest.approx(60, abs=1)
    app.button(key="classroom_end").click().run()
    assert room.classes.get(school_class.id).is_over
    assert "This class is over" in app.info[0].value
    app.button(key="classroom_delete").click().run()
    assert room.classes.all() == []
    assert not app.exception


@pytest.mark.thorough
def test_a_learner_does_not_get_the_teachers_page(
    room: Classroom, begun: tuple[SchoolClass, str], browser: Browser
) -> None:
    app = browser.open("progress", room.enter(begun[0].code, "Mia"))
    assert "You are Mia." in text_of(app)
    assert not app.text_input
    alone = AppTest.from_file(
        str(ROOT / "pages/lab/classroom/page.py"), default_timeout=PATIENCE_S
    ).run()
    assert "for your teacher" in alone.info[0].value
    assert not alone.button


@pytest.mark.thorough
def test_each_learner_has_their_own_progress(
    room: Classroom, begun: tuple[SchoolClass, str], browser: Browser
) -> None:
    mia, omar = (room.enter(begun[0].code, name) for name in ("Mia", "Omar"))
    for cookie, n in ((mia, 1), (omar, 0)):
        app = browser.open("challenges", cookie)
        if n:
            app.session_state["challenges_fooled"] = True
            app.run()
            app.radio(key="challenges_fooled_said").set_value("wrong").run()
            app.button(key="challenges_fooled_judge").click().run()
        one = room.tickets.visitor(cookie)
        assert len(progress(one.name, space=one.space).of("tried")) == n
    assert progress("Mia").entries == progress().entries == ()


def test_a_page_that_is_open_when_the_class_ends_shows_no_more(
    room: Classroom, begun: tuple[SchoolClass, str], browser: Browser
) -> None:
    app = browser.open("progress", room.enter(begun[0].code, "Mia"))
    assert app.title
    room.end(OWNER, begun[0].id)
    time.sleep(KNOWN_S)
    app.run()
    assert app.error[0].value.startswith("This class is over")
    assert not app.title


def test_a_page_is_drawn_with_one_look_at_the_cookie(
    room: Classroom,
    begun: tuple[SchoolClass, str],
    browser: Browser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tickets, looks = type(room.tickets), list[str]()
    look_up = tickets.visitor
    monkeypatch.setattr(who, "KNOWN_S", 60.0)
    monkeypatch.setattr(
        tickets, "visitor", lambda self, token: looks.append(token) or look_up(self, token)
    )
    app = browser.open("progress", room.enter(begun[0].code, "Mia"))
    assert app.title
    assert len(looks) == 1


def test_a_forged_cookie_shows_no_page(begun: tuple[SchoolClass, str], browser: Browser) -> None:
    app = browser.open("progress", "forged")
    assert app.error[0].value.startswith("You are in no class")
    assert not app.title


def test_the_person_at_this_computer_reads_how_a_class_begins_and_runs_it(
    room: Classroom, begun: tuple[SchoolClass, str]
) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    app.switch_page("pages/lab/classroom/page.py").run()
    assert not app.exception
    assert app.code[0].value.startswith("python -m core class start")
    app.button(key="classroom_end").click().run()
    assert room.classes.get(begun[0].id).is_over
