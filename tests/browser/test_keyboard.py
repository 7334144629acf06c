"""A whole lesson without a mouse: guess, replay, question, a run of few steps, report, challenge; axe at each stop."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from core.config import RunConfig
from core.course.report_settings import settings_of
from core.experiments.collapse import collapse
from tests.browser.conftest import TRAINED_MS
from tests.browser.test_looks import PHONE_PX, open_page, serious, width

pytestmark = pytest.mark.browser
STEPS = 2
FOCUSED = "element => element.getRootNode().activeElement === element"


def reach(page: Page, target: Locator, *, most: int = 90) -> None:
    """Go from control to control with Tab until the target has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if target.evaluate(FOCUSED):
            return
    raise AssertionError(f"{target} is not reached by {most} tabs")


def press(page: Page, target: Locator, key: str = "Enter") -> None:
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    reach(page, target)
    page.keyboard.press(key)


def first_answer(page: Page, question: str) -> Locator:
    """The first answer to a question whose words begin like this."""
    asked = page.get_by_role("radiogroup", name=re.compile(rf"^\W*{re.escape(question)}"))
    return asked.get_by_role("radio").first


@pytest.mark.proof
def test_a_lesson_from_the_guess_to_the_challenge(app: str, page: Page, tmp_path: Path) -> None:
    open_page(page, f"{app}/forgetting?forgetting_seed=2")  # no other test trains it
    press(page, first_answer(page, "Guess first:"), "Space")
    press(page, page.locator("summary", has_text="Draw a second guess"))
    press(page, page.get_by_role("slider", name="step 5"), "ArrowLeft")
    press(page, page.get_by_role("button", name="Show me"))
    time_line = page.get_by_role("slider", name="Time in the recorded run")
    press(page, time_line, "End")
    guess = page.get_by_role("status").filter(has_text="Your guess: Amina and Omar.")
    expect(guess).to_be_visible()
    expect(page.get_by_text(re.compile("^Your drawing is .* away, on average"))).to_be_visible()
    press(page, first_answer(page, "Why?"), "Space")
    explained = page.get_by_text(re.compile(r"^(Right|Not quite)\."))
    expect(explained.first).to_be_visible()
    assert not serious(page)

    open_page(page, f"{app}/forgetting?forgetting_steps={STEPS}")
    press(page, page.get_by_role("button", name="Run", exact=True))
    press(page, first_answer(page, "While it trains:"), "Space")
    expect(explained.first).to_be_visible()
    expect(page.get_by_text(f"Finished after {STEPS} steps")).to_be_visible(timeout=TRAINED_MS)
    press(page, page.locator("summary", has_text="Lab report"))
    button = page.get_by_role("button", name="Download your lab report")
    expect(button).to_be_visible()
    assert not serious(page)
    with page.expect_download() as download:
        press(page, button)
    report = tmp_path / "report.html"
    download.value.save_as(report)
    look_at_the_report(page, report, collapse(steps=STEPS))

    press(page, page.get_by_role("link", name="4 challenges for this lesson"))
    expect(page.get_by_role("heading", name="Challenges", level=1)).to_be_visible()
    press(page, page.locator("summary", has_text="Full fine-tuning that forgets little"))
    press(page, page.get_by_role("button", name="Let the judge look"))
    expect(page.get_by_text(re.compile(r"^(Solved|Not solved|Not decided yet)\."))).to_be_visible()
    assert not serious(page)
    assert width(page) <= PHONE_PX


def look_at_the_report(page: Page, report: Path, config: RunConfig) -> None:
    """The file alone, in a window of its own: accessible, as narrow as a phone, and with the settings of the run."""
    assert settings_of(report.read_text("utf-8")).runs == (config,)
    alone = page.context.new_page()
    alone.goto(report.as_uri())
    expect(alone.get_by_role("heading", level=1)).to_contain_text("Catastrophic forgetting")
    assert not serious(alone)
    alone.set_viewport_size({"width": PHONE_PX, "height": 800})
    assert alone.evaluate("document.documentElement.scrollWidth") <= PHONE_PX
    alone.close()
