"""The lessons on PEFT, LoRA, soft prompts and one base in a real browser, on the real model."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from core.experiments.methods import method_config
from core.experiments.sweep import Sweep
from core.runs.store import RunStore
from tests.browser.conftest import TRAINED_MS
from tests.pages.test_any_run import keep

pytestmark = pytest.mark.browser
RANK_BUDGET_MS = 150


def button(page: Page, name: str | re.Pattern[str]):
    return page.get_by_role("button", name=name).first


def test_a_method_is_drawn_and_a_run_lands_in_the_chart(
    app: str, page: Page, prepared_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.goto(f"{app}/peft?peft_family=Additive")
    expect(page.get_by_text(re.compile(r"Recorded on 20\d\d-\d\d-\d\d: \d+ runs"))).to_be_visible()
    page.get_by_test_id("stButtonGroup").get_by_text("IA³").click()
    expect(page.get_by_role("img", name=re.compile("One decoder layer with IA³"))).to_be_visible()
    monkeypatch.setenv("TUNING_FORK_HOME", str(prepared_home))
    run_id = keep(RunStore(), method_config("ia3"), "finished")
    page.goto(f"{app}/peft?run={run_id}")
    expect(page.get_by_text("Finished after 4 steps")).to_be_visible(timeout=TRAINED_MS)
    chart = page.locator(".st-key-peft_all_sentiment")
    expect(chart.get_by_text("yours: IA³")).to_be_visible()
    RunStore().delete(run_id)


def test_the_calculator_answers_for_a_model_that_is_not_here(app: str, page: Page) -> None:
    page.goto(f"{app}/peft?peft_calc_model=Llama-2-70B")
    expect(page.get_by_text(re.compile("LoRA on Llama-2-70B takes [0-9,.]+ GB"))).to_be_visible()


def drag(slider: Locator) -> float:
    """Move the rank slider on by three; the milliseconds until the picture is redrawn."""
    return slider.evaluate(
        """async (input) => {
            const root = input.getRootNode();
            const width = () => [...root.querySelectorAll("rect.trained")].map((r) => r.getAttribute("width"));
            const before = width().join();
            const start = performance.now();
            input.value = Number(input.value) + 3;
            input.dispatchEvent(new Event("input", { bubbles: true }));
            while (width().join() === before) await new Promise(requestAnimationFrame);
            await new Promise(requestAnimationFrame);
            return performance.now() - start;
        }"""
    )


@pytest.mark.benchmark
def test_the_rank_slider_redraws_within_its_budget(app: str, page: Page) -> None:
    page.goto(f"{app}/lora?lora_rank=4")
    slider = page.get_by_role("slider", name="Rank")
    expect(slider).to_be_visible()
    assert drag(slider) < RANK_BUDGET_MS


def test_the_rank_slider_redraws_at_once(app: str, page: Page) -> None:
    page.goto(f"{app}/lora?lora_rank=4")
    slider = page.get_by_role("slider", name="Rank")
    expect(slider).to_be_visible()
    numbers = page.locator("[data-say=n]")
    expect(numbers).to_have_text("230,400")  # 30 layers · 4 · (576 + 576 + 576 + 192)
    assert drag(slider) > 0
    expect(numbers).not_to_have_text("230,400")
    slider.press("ArrowRight")
    page.wait_for_url(re.compile("lora_rank=(?!4$)"))


@pytest.mark.proof
def test_lora_is_trained_looked_into_merged_and_switched(app: str, page: Page) -> None:
    page.goto(f"{app}/lora?lora_rank=2&lora_alpha=4")
    button(page, "Compare an untrained LoRA with the base").click()
    expect(page.get_by_text("Tuning starts exactly where the base is")).to_be_visible()
    button(page, "Train this LoRA").click()
    learned = page.get_by_role("heading", name="What was learned")  # no text of the course
    expect(learned).to_be_visible(timeout=TRAINED_MS)
    expect(page.get_by_text(re.compile("LoRA: effective rank 1")).first).to_be_visible()
    button(page, "Merge and unmerge").click()
    expect(page.get_by_text("then subtracted from the same weights")).to_be_visible()
    page.get_by_role("slider", name="Scale s").press("Home")
    button(page, "Ask at this scale").click()
    expect(page.get_by_text("0 is the base model, 1 the model as trained")).to_be_visible()
    expect(page.get_by_role("heading", name="What does more rank buy?")).to_be_visible()
    switch_adapters(app, page)


def switch_adapters(app: str, page: Page) -> None:
    """With the adapter for sentiment that was just trained, and one for topics that is trained here."""
    page.goto(f"{app}/base?one_base_tasks=Topic")
    button(page, "Train these adapters: 1 of 1").click()
    expect(page.get_by_text("It is finished.")).to_be_visible(timeout=TRAINED_MS)
    page.get_by_test_id("stButtonGroup").get_by_text("Sentiment", exact=True).first.click()
    expect(page.locator(".answers").get_by_text("Sentiment (recorded)")).to_have_count(2)
    button(page, "Ask all of them").click()
    expect(page.locator(".answers").get_by_text("Sentiment", exact=True)).to_have_count(2)
    said = page.get_by_text(re.compile(r"The slowest switch took ([\d.]+) ms"))
    expect(said).to_be_visible()
    found = re.search(r"took ([\d.]+) ms", said.inner_text())
    assert found
    assert float(found[1]) > 0  # how fast: tests/core/methods, benchmark
    button(page, "Ask both at once").click()
    expect(page.get_by_text("Two changes to the same weights are added")).to_be_visible()


def test_a_sweep_fills_and_can_be_stopped(
    app: str, page: Page, prepared_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNING_FORK_HOME", str(prepared_home))
    page.goto(f"{app}/lora")
    while not (prepared_home / "data" / "machine.json").exists():  # a worker is getting ready
        page.wait_for_timeout(100)
    first, _ = Sweep(ranks=(1,), rates=(1e-3, 3e-3)).configs()
    run_id = keep(RunStore(), first, "finished")
    page.goto(f"{app}/lora?lora_sweep_ranks=1&lora_sweep_rates=0.001&lora_sweep_rates=0.003")
    expect(page.get_by_text(re.compile("^1 of these runs came with the app"))).to_be_visible()
    expect(page.get_by_text(re.compile("2 of 2 runs: sentiment"))).to_be_visible()
    button(page, re.compile("Run the sweep: 1 of 2")).click()
    expect(page.get_by_text(re.compile("^1 of 2 runs finished"))).to_be_visible(timeout=TRAINED_MS)
    button(page, "Stop them").click()
    expect(button(page, re.compile("Run the sweep: 1 of 2"))).to_be_visible()
    RunStore().delete(run_id)


@pytest.mark.proof
def test_virtual_tokens_move_and_are_taken_away(app: str, page: Page) -> None:
    page.goto(f"{app}/soft?soft_prompts_tokens=5&soft_prompts_steps=6")
    button(page, "Train the soft prompt").click()
    expect(
        page.get_by_text(re.compile("^At the start the 5 virtual tokens|ended nearest"))
    ).to_be_visible()
    button(page, "Take the soft prompt away").click()
    expect(page.get_by_text("exactly the same", exact=True)).to_be_visible()
    button(page, "Score my prompt").click()
    expect(page.get_by_text(re.compile(r"Your \d+ written tokens: "))).to_be_visible()
