"""Three pupils and a teacher at once, each in a browser of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.classroom.classroom import SERVER, Classroom
from core.classroom.codes import spoken
from tests.browser.conftest import PATIENCE_MS, running_app

pytestmark = pytest.mark.browser


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Classroom:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.setenv(SERVER, "1")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return Classroom()


@pytest.fixture
def app(room: Classroom, tmp_path: Path) -> Iterator[str]:
    with running_app(tmp_path) as address:
        yield address


def browser(chromium: Browser) -> Page:
    context = chromium.new_context(viewport={"width": 1440, "height": 1000})
    context.set_default_timeout(PATIENCE_MS)
    return context.new_page()


def join(page: Page, code: str, nickname: str) -> None:
    page.get_by_label("Class code").fill(code)
    page.get_by_label("Nickname").fill(nickname)
    page.get_by_role("button", name="Join").click()


def test_a_class_from_the_first_code_to_the_end(
    room: Classroom, app: str, chromium: Browser
) -> None:
    school_class, secret = room.classes.begin(name="8b")
    room.classes.reached_at(school_class.id, app)
    teacher = browser(chromium)
    teacher.goto(f"{app}/teach")
    teacher.get_by_label("Teacher’s secret").fill(spoken(secret))
    teacher.keyboard.press("Enter")
    expect(teacher.get_by_text(spoken(school_class.code))).to_be_visible()
    expect(teacher.get_by_role("img", name="QR code of")).to_be_visible()
    expect(teacher.get_by_text("Nobody is here yet.")).to_be_visible()

    pupils = [browser(chromium) for _ in range(3)]
    pupils[0].goto(f"{app}/progress")
    join(pupils[0], "AAA-AAA", "<b>Mia</b>")
    expect(pupils[0].get_by_role("alert")).to_contain_text("No class is open with this code")
    for pupil, nickname in zip(pupils, ("Mia", "Omar", ""), strict=True):
        pupil.goto(f"{app}/progress")  # which leads to the form, and from there back
        join(pupil, school_class.code, nickname)
        expect(pupil.get_by_role("heading", name="My progress")).to_be_visible()
        who = nickname or room.learners.of(school_class.id)[-1].name
        expect(pupil.get_by_text(f"You are {who}.", exact=True)).to_be_visible()
    expect(teacher.get_by_text("3 joined")).to_be_visible()  # without a click
    expect(teacher.get_by_text("Mia · Omar")).to_be_visible()

    teacher.get_by_role("button", name="End the class").click()
    teacher.get_by_role("button", name="End it now").click()
    expect(teacher.get_by_text("This class is over")).to_be_visible()
    pupils[0].get_by_role("link", name="Before fine-tuning").click()  # without a reload
    expect(pupils[0].get_by_text("This class is over")).to_be_visible()
    pupils[1].reload()
    expect(pupils[1].get_by_role("alert")).to_contain_text("This class is over")
