"""Before fine-tuning, in Chromium, on the real model: ask, stop, few-shot, next tokens, side by side."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def open_lesson(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name="What comes next?").first).to_be_visible()


def click(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).first.click()


def test_own_prompt_is_answered_and_survives_a_reload(app: str, page: Page) -> None:
    open_lesson(page, f"{app}/before")
    box = page.get_by_label("Prompt", exact=True)
    box.fill("What is the capital of Japan?")
    box.press("Control+Enter")
    expect(page.get_by_text("Japan").last).to_be_visible()
    click(page, "Ask")
    expect(page.get_by_text(re.compile("Tokyo"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"\d+ prompt tokens, \d+ new tokens in"))).to_be_visible()
    page.reload()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("What is the capital of Japan?")


def test_stop_ends_a_stream_and_keeps_what_came(app: str, page: Page) -> None:
    prompt = "Write a very long story about a ship."
    open_lesson(page, f"{app}/before?before_longest=300&before_prompt_sentiment_0={prompt}")
    click(page, "Ask")
    answer = page.get_by_test_id("stCode").last
    expect(answer).to_contain_text(re.compile(r"(\w+ ){5}"))
    page.get_by_role("button", name="Stop", exact=True).nth(1).click()
    note = page.get_by_text("It did not end by itself.")
    expect(note).to_be_visible()
    n_tokens = int(re.search(r"(\d+) new tokens", note.inner_text()).group(1))
    assert 5 <= n_tokens < 300
    expect(answer).to_contain_text(re.compile(r"(\w+ ){5}"))


def test_shots_build_the_prompt_from_solved_examples(app: str, page: Page) -> None:
    open_lesson(page, f"{app}/before")
    box = page.get_by_label("Prompt", exact=True)
    assert "Answer:" not in box.input_value()
    page.get_by_role("radio", name="Few-shot (4)").click()
    expect(page.get_by_label("Prompt", exact=True).first).to_have_value(
        re.compile(r"(Answer: (positive|negative)[\s\S]*){4}Answer:$")
    )


def test_token_can_be_forced_and_the_answer_goes_on(app: str, page: Page) -> None:
    prompt = "What is the capital of Japan?"
    open_lesson(page, f"{app}/before?before_prompt_sentiment_0={prompt}")
    click(page, "Show the next-token probabilities")
    expect(page.get_by_text("“The” is likeliest")).to_be_visible()
    second = page.get_by_test_id("stButtonGroup").last.get_by_role("radio").nth(1)
    token = second.inner_text().strip("“”")
    second.click()
    expect(page.get_by_text("The answer so far:")).to_contain_text(token)
    click(page, "Go on from here")
    expect(page.get_by_test_id("stCode").last).to_contain_text(re.compile(f"^{re.escape(token)}"))


def test_two_settings_stand_side_by_side_in_the_link(app: str, page: Page) -> None:
    open_lesson(page, f"{app}/before?before_two=true&before_shots_b=One-shot")
    boxes = page.get_by_label("Prompt", exact=True)
    expect(boxes).to_have_count(2)
    assert "Answer:" not in boxes.nth(0).input_value()
    assert "Answer: " in boxes.nth(1).input_value()
