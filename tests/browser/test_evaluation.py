"""The lesson on evaluation in a real browser, on the real model: count words, fool the score, measure a small file."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import TRAINED_MS

pytestmark = pytest.mark.browser
PAIRS = [
    {"prompt": f"Is {thing} an animal? Answer yes or no.", "completion": answer}
    for thing, answer in (
        *(("a horse", "yes"), ("a spoon", "no"), ("a duck", "yes"), ("a chair", "no")),
        *(("a trout", "yes"), ("a window", "no")),
    )
]


def test_a_pair_of_texts_is_counted_and_fools_the_score(app: str, page: Page) -> None:
    page.goto(f"{app}/evaluation")
    page.get_by_role("button", name="Word order").click()
    expect(page.get_by_text("Word order: a wrong answer with F1 1.00.")).to_be_visible()
    output = page.get_by_label("Output: what a model said")
    output.fill("Jonas sold the old red boat to Mira.")
    output.press("Control+Enter")
    expect(page.get_by_text("you have fooled the score")).to_be_visible()
    expect(page.get_by_text("ROUGE-L: 5 words stand in both texts")).to_be_visible()
    assert "evaluation_output=Jonas" in page.url
    page.reload()
    expect(output).to_have_value("Jonas sold the old red boat to Mira.")


def test_a_file_is_measured_answer_by_answer(app: str, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "animals.jsonl"
    file.write_text("\n".join(map(json.dumps, PAIRS)), "utf-8")
    page.goto(f"{app}/evaluation?evaluation_task=Your+own+file&evaluation_which=all")
    page.locator("input[type=file]").first.set_input_files(str(file))
    page.get_by_role("button", name="Evaluate", exact=True).click()
    expect(page.get_by_text("6 of 6 examples.")).to_be_visible(timeout=TRAINED_MS)
    expect(page.get_by_text(re.compile(r"\d of 6 answers are none of the labels"))).to_be_visible()
    page.get_by_role("button", name="Measure the labels’ probabilities").click()
    expect(page.get_by_text("the labels hold")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download these as CSV").click()
    assert download.value.path().read_text("utf-8").count("Is a") == 6
    page.reload()  # the file stands in the URL, its answers are remembered
    expect(page.get_by_text("6 of 6 examples.")).to_be_visible(timeout=TRAINED_MS)
