"""The tour of the home page: by keyboard from stop to stop, each frame round a real control; again, and skipped."""

import pytest
from playwright.sync_api import Page, expect

from core.course.tour import stops
from tests.browser.test_looks import serious

pytestmark = pytest.mark.browser
FRAMED = """() => {
  const frame = document.querySelector("#tour [data-part=frame]").getBoundingClientRect();
  const box = document.querySelector("#tour [data-part=box]").getBoundingClientRect();
  return [frame.width > 20 && frame.height > 10,
    box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth];
}"""


def test_the_tour_by_keyboard(app: str, page: Page) -> None:
    page.goto(app)
    button = page.get_by_role("button", name="Take the tour")
    button.focus()
    button.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 of")
    assert not serious(page)
    known = [stop for stop in stops() if page.locator(stop.selector).first.is_visible()]
    assert len(known) >= len(stops()) - 1  # what is not recorded is not there to be pointed at
    for n, stop in enumerate(known, start=1):
        expect(dialog.get_by_role("heading")).to_have_text(stop.title)
        expect(dialog).to_contain_text(f"{n} of {len(known)}")
        assert page.evaluate(FRAMED) == [True, True]
        page.keyboard.press("Enter")
    expect(page.locator("#tour")).to_have_count(0)
    button.press("Enter")  # as often as one likes
    expect(dialog).to_contain_text("1 of")
    page.keyboard.press("Escape")
    expect(page.locator("#tour")).to_have_count(0)
    expect(button).to_be_focused()
