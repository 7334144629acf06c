"""Prompting or fine-tuning, in a real browser, on the real model: measure a prompt, keep it, read the guide, ask a fact."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import TRAINED_MS

pytestmark = pytest.mark.browser
RESULT = re.compile(
    r"Score 0\.\d\d \[0\.\d\d, 0\.\d\d\] on 48 test examples; \d+ tokens and \d+ ms"
)


def open_lesson(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name="Without the browser")).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


@pytest.mark.proof
def test_a_prompt_is_measured_and_kept(app: str, page: Page) -> None:
    open_lesson(page, f"{app}/choice?choice_shots=1&choice_seed=7")  # not a recorded one
    expect(
        page.get_by_text(re.compile(r"\d+ tokens with 1 examples?, \d+ without"))
    ).to_be_visible()
    expect(page.get_by_text(RESULT)).to_have_count(0)
    page.get_by_role("button", name="Measure this prompt", exact=True).click()
    expect(page.get_by_text(RESULT)).to_be_visible(timeout=TRAINED_MS)
    page.reload()
    expect(page.get_by_text(RESULT)).to_be_visible(timeout=TRAINED_MS)
    expect(page.get_by_text("It is measured.")).to_be_visible()
    expect(page.get_by_text(re.compile("Yours .1 measurement"))).to_be_visible()


def test_the_guide_follows_the_figures(app: str, page: Page) -> None:
    open_lesson(page, f"{app}/choice?choice_needed=1.0&choice_requests=1")
    expect(page.get_by_text(re.compile(r"Recorded on 20\d\d-\d\d-\d\d")).first).to_be_visible()
    expect(page.get_by_text(re.compile("^Neither: nothing|^(Tune|Prompt): “"))).to_be_visible()
    open_lesson(page, f"{app}/choice?choice_needed=0.0&choice_requests=1")
    expect(page.get_by_text(re.compile("^Prompt: “"))).to_be_visible()
    expect(page.get_by_text("pays in seconds").first).to_be_visible()
    page.get_by_test_id("stButtonGroup").get_by_text("tokens", exact=True).click()
    expect(page.get_by_text("pays in tokens").first).to_be_visible()


def test_only_the_prompt_that_holds_the_fact_answers_it(app: str, page: Page) -> None:
    open_lesson(page, f"{app}/choice")
    page.get_by_role("button", name="Ask in every way", exact=True).click()
    expect(page.get_by_text("Right: with the fact in the prompt.")).to_be_visible()
