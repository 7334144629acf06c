"""Lab, "Why is it fast?" in a real browser, on the real model: the tree, and a trick switched off."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import TRAINED_MS

pytestmark = pytest.mark.browser


def test_a_trick_is_switched_off_and_timed(app: str, page: Page) -> None:
    page.goto(f"{app}/speed?speed_batch=4&speed_rounds=1&speed_off=Batch+as+a+tree")
    expect(page.get_by_text("4 examples padded").first).to_be_visible()
    expect(page.get_by_text("Each lane is an example")).to_be_visible()
    page.get_by_role("button", name="Time them").click()
    expect(page.get_by_text("The losses in step 2 lie between")).to_be_visible(timeout=TRAINED_MS)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("The losses in step 2 lie between")).to_be_visible(timeout=TRAINED_MS)
