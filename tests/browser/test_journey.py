"""A reader's way through the app, on the real model, in Chromium."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import TRAINED_MS

pytestmark = pytest.mark.browser


def button(page: Page, name: str | re.Pattern[str]):
    return page.get_by_role("button", name=name).first


def test_home_answers_with_the_real_model(app: str, page: Page) -> None:
    page.goto(app)
    button(page, "Ask it now").click()
    expect(page.get_by_text("The capital of Japan is Tokyo.")).to_be_visible()


def test_first_visit_of_a_server_may_be_a_deep_link(cold_app: str, page: Page) -> None:
    """Streamlit's legacy scan of pages/ would say that the page does not exist."""
    page.goto(f"{cold_app}/before")
    expect(page.get_by_role("heading", name="Before fine-tuning")).to_be_visible()
    asks = button(page, "Ask the model on this machine")
    expect(asks).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    asks.click()
    expect(button(page, "Prepare the model")).to_be_visible()


def test_step_through_shows_each_phase(app: str, page: Page) -> None:
    page.goto(f"{app}/instruction")
    for phase, proof in (
        ("batch", "a padded batch would compute"),
        ("forward", "probability"),
        ("loss", "nats per token"),
        ("backward", "gradient norm"),
        ("clip", "after clipping"),
        ("update", "after the update"),
    ):
        button(page, f"Next phase: {phase}").click()
        expect(page.get_by_text(re.compile(rf"Step 1, {phase}\."))).to_be_visible()
        if phase != "forward":
            expect(page.get_by_text(re.compile(proof)).filter(visible=True).first).to_be_visible()
    page.reload()
    expect(page.get_by_text(re.compile(r"Step 1, update\."))).to_be_visible()
    expect(button(page, "Next phase: batch")).to_be_visible()


def test_run_survives_reload_and_second_screen_then_before_and_after(
    app: str, page: Page, chromium: Browser
) -> None:
    page.goto(f"{app}/instruction?instruction_steps=12&instruction_seed=3")
    button(page, "Run").click()
    expect(page.get_by_text(re.compile(r"Step [1-9]\d* of 12"))).to_be_visible(timeout=TRAINED_MS)
    assert "run=" in page.url
    page.reload()
    expect(page.get_by_text(re.compile(r"Step \d+ of 12|Finished after 12"))).to_be_visible(
        timeout=TRAINED_MS
    )
    second = chromium.new_page()
    second.goto(page.url)
    expect(second.get_by_text("Finished after 12 steps")).to_be_visible(timeout=TRAINED_MS)
    second.close()
    expect(page.get_by_text("Finished after 12 steps")).to_be_visible(timeout=TRAINED_MS)
    expect(page.get_by_text("12 steps of 8 pairs")).to_be_visible()
    expect(page.locator(".answers").first).to_be_visible()
    tuned = page.locator(".answers > div", has_text="The soup was cold").last  # asked by itself
    expect(tuned).to_contain_text(re.compile(r"after\s*(positive|negative)"))


def test_stop_keeps_what_was_recorded(app: str, page: Page) -> None:
    page.goto(f"{app}/instruction?instruction_steps=100&instruction_seed=4")
    button(page, "Run").click()
    expect(page.get_by_text(re.compile(r"Step [1-9]\d* of 100"))).to_be_visible(timeout=TRAINED_MS)
    button(page, re.compile("^Stop$")).click()
    expect(page.get_by_text(re.compile(r"Stopped after \d+ steps"))).to_be_visible(
        timeout=TRAINED_MS
    )
    expect(page.get_by_text("Ask both: before and after")).to_be_visible()


def test_bad_address_gives_one_sentence(app: str, page: Page) -> None:
    page.goto(f"{app}/instruction?run=nosuchrun")
    expect(page.get_by_text(re.compile("There is no run 'nosuchrun'|nosuchrun"))).to_be_visible()
