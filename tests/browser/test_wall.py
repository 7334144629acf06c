"""A teacher and three pupils at once in Chromium: the wall shows them, and their screens follow."""

import asyncio
import re
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from core.bench import real_browser
from core.bench.browser import enter
from core.classroom.classroom import SERVER, Classroom
from core.classwork.places import page_titles
from tests.browser.conftest import PATIENCE_MS, running_app
from tests.browser.test_looks import STREAMLITS_OWN
from tests.seeded_class import seed

pytestmark = pytest.mark.browser

TYPES = """() => setInterval(
    () => document.activeElement.dispatchEvent(new InputEvent("input", {bubbles: true})), 300
)"""
"""A learner who types at their own pace, however busy the machine of the tests is."""


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Classroom:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return Classroom()


@pytest.fixture
def app(room: Classroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv(SERVER, "1")
    with running_app(tmp_path) as address:
        yield address


def entered(chromium: Browser, address: str, *, width: int = 1440) -> Page:
    context = chromium.new_context(viewport={"width": width, "height": 1000})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(address)
    return page


def test_a_class_looks_where_its_teacher_looks(
    room: Classroom, app: str, chromium: Browser
) -> None:
    school_class, _, learners = seed(room, n=4)
    teacher = entered(
        chromium, f"{app}/teach?link={room.tickets.link(school_class.id)}", width=1920
    )
    pupils: list[Page] = []
    for learner in learners[:3]:
        word = room.tickets.word(school_class.id, learner.space)
        pupil = entered(chromium, f"{app}/join?next=/forgetting")
        pupil.get_by_role("textbox").first.fill(word)
        pupil.keyboard.press("Enter")
        expect(pupil.get_by_role("heading", name="Catastrophic forgetting")).to_be_visible()
        pupils.append(pupil)

    teacher.goto(f"{app}/wall")
    where = teacher.get_by_role("listitem").filter(has_text="Lesson 3: Catastrophic forgetting")
    for learner in learners[:3]:
        expect(where).to_contain_text(learner.name)

    found = Axe().run(teacher).response["violations"]
    serious = [v["id"] for v in found if v["impact"] in ("serious", "critical")]
    assert {*serious} <= STREAMLITS_OWN

    teacher.get_by_role("button", name="Pause the class").click()
    rate = pupils[0].get_by_test_id("stSlider").first
    expect(rate).to_have_js_property("inert", True)
    expect(pupils[0].get_by_text("Your teacher has paused the class")).to_be_visible()
    teacher.get_by_role("button", name="Let the class go on").click()
    expect(rate).to_have_js_property("inert", False)

    typing, *reading = pupils
    typing.get_by_test_id("stMain").get_by_role("button", name="More settings").click()
    steps = typing.get_by_role("spinbutton", name="Steps")
    steps.click()
    teacher.goto(f"{app}/base")
    expect(teacher.get_by_role("heading", name="One base, many tasks")).to_be_visible()
    keys = typing.evaluate(TYPES)
    teacher.get_by_role("button", name="Everyone look here").click()
    for pupil in reading:
        expect(pupil.get_by_role("heading", name="One base, many tasks")).to_be_visible()
    expect(typing.get_by_text("You go there when you stop typing.")).to_be_visible()
    typing.wait_for_timeout(5_000)
    assert typing.get_by_role("heading", name="Catastrophic forgetting").is_visible()
    typing.evaluate(f"clearInterval({keys})")
    expect(typing.get_by_role("heading", name="One base, many tasks")).to_be_visible()
    typing.get_by_role("link", name=re.compile("Back to Lesson 3")).click()
    expect(typing.get_by_role("heading", name="Catastrophic forgetting")).to_be_visible()


def test_the_wall_is_drawn_into_a_file(room: Classroom, app: str, tmp_path: Path) -> None:
    _, secret, _ = seed(room, n=12)
    cookie = enter(app, "teach", {"secret": secret})
    file = tmp_path / "folder" / "wall.png"
    with ThreadPoolExecutor(1) as aside:  # the tests' own browser has this thread's loop
        aside.submit(
            asyncio.run, real_browser.picture(app, cookie, page_titles()["forgetting"], file)
        ).result()
    width, height = struct.unpack(">II", file.read_bytes()[16:24])
    assert width == real_browser.WALL_WIDTH
    assert height > 700
