"""Multi-task tuning in a real browser: a mixture is started and stopped, and a finished one is shown.

Scoring nine tasks takes minutes, so the finished run is a record, written into the store that the app reads.
"""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.experiments.mixtures import mixture_config
from core.runs.store import RunStore
from tests.browser.conftest import TRAINED_MS
from tests.pages.test_any_run import STEPS, keep

pytestmark = pytest.mark.browser
TWO = ("sentiment", "names")
ADDRESS = "multitask?multitask_steps=2&multitask_method=LoRA&multitask_tasks=Sentiment&multitask_tasks=Names"


def test_two_tasks_are_mixed_and_the_run_can_be_stopped(app: str, page: Page) -> None:
    page.goto(f"{app}/{ADDRESS}")
    expect(page.get_by_text("Each task: 50\u00a0% of the examples.")).to_be_visible()
    page.get_by_test_id("stRadio").get_by_text("it rises", exact=True).click()
    page.get_by_role("button", name="Run", exact=True).click()
    on_its_way = re.compile(
        r"^(Waiting\. |Measuring the base model first|Computing the first step|Step \d of 2)"
    )
    expect(page.get_by_text(on_its_way).first).to_be_visible(timeout=TRAINED_MS)
    assert "mix=" in page.url
    assert "guess" not in page.url
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text(re.compile(r"^Stopped"))).to_be_visible(timeout=TRAINED_MS)


def test_a_finished_mixture_is_scored_on_every_task(
    app: str, prepared_home: Path, monkeypatch: pytest.MonkeyPatch, page: Page
) -> None:
    monkeypatch.setenv("TUNING_FORK_HOME", str(prepared_home))
    run_id = keep(RunStore(), mixture_config(TWO), "finished")
    page.goto(f"{app}/{ADDRESS}&mix={run_id}")
    expect(page.get_by_text(f"Finished after {STEPS} steps")).to_be_visible(timeout=TRAINED_MS)
    expect(page.get_by_text(f"Step {STEPS}, mean scores: tasks trained on")).to_be_visible()
    chart = page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first
    expect(chart).to_be_visible()
    expect(page.get_by_text("One example of each task, and its answer now")).to_be_visible()
    expect(page.locator(".answers > div", has_text="Formality")).to_be_visible()
    expect(page.get_by_text("Large rings are your runs (1)")).to_be_visible()
    RunStore().delete(run_id)
