"""Catastrophic forgetting in a real browser, on the real model: a model forgets, and the reader scrubs back."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import TRAINED_MS

pytestmark = pytest.mark.browser


FAST = "forgetting_steps=4&forgetting_rate_full=0.001"
"""Forgets in few steps: the tests of each change have the patience for these."""


@pytest.mark.parametrize("settings", [FAST, pytest.param("", marks=pytest.mark.proof)])
def test_names_are_forgotten_and_the_reader_scrubs_back(
    app: str, page: Page, settings: str
) -> None:
    page.goto(f"{app}/forgetting?{settings}")
    guesses = page.get_by_test_id("stRadio")  # the answers on the page say the same
    guesses.get_by_text("Amina and Omar", exact=True).click()
    run = page.get_by_role("button", name="Run", exact=True)
    run.click()
    expect(page.get_by_text("Back through time")).to_be_visible(timeout=TRAINED_MS)
    assert "run=" in page.url
    guess = page.get_by_role("status").filter(has_text="Your guess: Amina and Omar.")
    expect(guess).to_be_visible()
    assert re.search(r"It answered “.*”", guess.inner_text())
    card = page.locator(".answers > div", has_text="Who went to the park?")
    expect(card.locator("mark").first).to_be_visible()
    heading = page.locator("[data-testid=stVegaLiteChart]").first
    expect(heading).to_be_visible()
    expect(page.get_by_text("has moved most")).to_be_visible()
    slider = page.get_by_role("slider", name="Check after step")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("Step 0 is the base model")).to_be_hidden()
    page.keyboard.press("Home")
    expect(page.get_by_text("Step 0 is the base model")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Back through time")).to_be_visible()
    expect(card).to_be_visible()
    assert "guess" not in page.url  # a shared link does not tell it


@pytest.mark.proof
def test_a_sequence_of_tasks_fills_the_matrix(app: str, page: Page) -> None:
    page.goto(f"{app}/forgetting?forgetting_method=LoRA&forgetting_steps=2")
    page.get_by_role("button", name="Run the sequence").click()
    expect(page.get_by_text("Backward transfer")).to_be_visible(timeout=TRAINED_MS)
    expect(
        page.get_by_text(re.compile("At the end: Sentiment .*, Topic .*, Names")).last
    ).to_be_visible()
