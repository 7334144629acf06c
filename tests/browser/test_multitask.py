"""Multi-task tuning in a real browser, on the real model: two tasks in one batch, and what every task scores."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
SETTINGS = "multitask_steps=2&multitask_method=LoRA&multitask_tasks=Sentiment&multitask_tasks=Names"


@pytest.mark.timeout(700)
def test_two_tasks_are_mixed_and_every_task_is_scored(app: str, page: Page) -> None:
    page.goto(f"{app}/multitask?{SETTINGS}")
    expect(page.get_by_text("Each task gets the same part: 50% of the examples.")).to_be_visible(
        timeout=60_000
    )
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("Finished after 2 steps")).to_be_visible(timeout=600_000)
    assert "mix=" in page.url
    expect_results(page)
    page.reload()
    expect(page.get_by_text("Finished after 2 steps")).to_be_visible(timeout=60_000)
    expect_results(page)


def expect_results(page: Page) -> None:
    expect(page.get_by_text("Step 2, mean scores: tasks trained on")).to_be_visible()
    expect(
        page.locator(
            "[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg"
        ).first
    ).to_be_visible()
    expect(page.get_by_text("One example of each task, and its answer now")).to_be_visible()
    expect(page.locator(".answers > div", has_text="Formality")).to_be_visible()
    expect(page.get_by_text("Large rings are your runs (1)")).to_be_visible()
