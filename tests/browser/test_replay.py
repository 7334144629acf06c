"""Without a model and without a network, home and every lesson move by themselves; a key stops a replay."""

import re
from statistics import median
from time import monotonic

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from core.recorded import collection
from tests.browser.test_looks import serious

pytestmark = pytest.mark.browser
MOVES_WITHIN_S = 5
ANSWERS_WITHIN_S = 0.3
PLAYED = {
    "forgetting": "forgetting",
    "cures": "mitigations",
    "multitask": "mixtures",
    "instruction": "single_tasks",
    "lora": "ranks",
    "peft": "methods",
    "soft": "soft_prompts",
}
"""Lessons that open with a replay, and the collection it is from."""
DRAWN = {
    "before": (".typed", "appear"),
    "evaluation": ("mark.same", "unmarked"),
    "base": ("[class*='_in_turn'] .answers > div > div", "appear"),
    "choice": ("[class*='_grows'] .scatterlayer", "from-the-left"),
}
"""Lessons whose main figure is no run over time: what of it moves, and how."""


def see_it_move(page: Page, path: str) -> None:
    """Wait until the main figure of a page, which was just opened, has moved."""
    if path in DRAWN:
        what, how = DRAWN[path]
        expect(page.locator(what).first).to_have_css("animation-name", how)
        return
    slider = page.get_by_role("slider", name="Time in the recorded run").first
    expect(slider).not_to_have_value("0")


def recorded_paths() -> list[str]:
    """Those whose runs are recorded by now; the first of them must be."""
    found = [path for path, name in PLAYED.items() if collection(name).runs]
    assert "forgetting" in found
    return ["", *found, *DRAWN]


def test_recorded_runs_play_by_themselves(cold_app: str, chromium: Browser) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 1000})
    elsewhere: list[str] = []
    context.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((cold_app, "data:", "blob:"))
            else elsewhere.append(request.url)
        ),
    )
    page = context.new_page()
    for path, last in (("", "Step 20"), ("forgetting", "step 20")):
        page.goto(f"{cold_app}/{path}")
        line = page.get_by_role("group", name="Recorded run")
        slider = line.get_by_role("slider", name="Time in the recorded run")
        play = line.get_by_role("button").first
        expect(play).to_have_accessible_name("Pause")
        if path:  # it waits for the guess
            slider.press("End")
            expect(slider).to_have_attribute("aria-valuetext", re.compile("^Step [1-5] of 20"))
            expect(page.get_by_text(last, exact=True).first).to_be_hidden()
            page.get_by_role("button", name="Show me").click()
            expect(play).to_have_accessible_name("Pause")
        at = slider.get_attribute("aria-valuetext") or ""
        expect(slider).not_to_have_attribute("aria-valuetext", at)
        expect(page.get_by_test_id("stApp")).to_have_attribute(
            "data-test-script-state", "notRunning"
        )

        play.press("Space")
        expect(play).to_have_accessible_name("Play")
        at = slider.get_attribute("aria-valuetext") or ""
        page.wait_for_timeout(1500)
        expect(slider).to_have_attribute("aria-valuetext", at)
        expect(play).to_have_accessible_name("Play")
        assert not serious(page)

        slider.press("Home")
        expect(slider).to_have_attribute("aria-valuetext", "Step 0 of 20: the base model")
        expect(page.get_by_text(last, exact=True).first).to_be_hidden()
        slider.press("ArrowRight")
        expect(slider).to_have_attribute("aria-valuetext", re.compile("^Step 1 of 20, loss "))
        slider.press("End")
        expect(page.get_by_text(last, exact=True).first).to_be_visible()
        expect(play).to_have_accessible_name("Play again")
    rate = page.get_by_role("slider", name="Learning rate").first
    rate.press("ArrowRight")
    expect(page.get_by_text("Not recorded: learning rate 0.0005.")).to_be_visible()
    page.get_by_role("button", name="Show the nearest").click()
    expect(line).to_be_visible()
    for path in recorded_paths():
        page.goto(f"{cold_app}/{path}")
        see_it_move(page, path)
    context.close()
    assert not elsewhere


def test_where_motion_is_not_wanted_the_end_stands_still(cold_app: str, chromium: Browser) -> None:
    context = chromium.new_context(reduced_motion="reduce", viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(cold_app)
    play = page.get_by_role("group", name="Recorded run").get_by_role("button").first
    expect(play).to_have_accessible_name("Play again")
    expect(page.get_by_text("Step 20", exact=True)).to_be_visible()
    context.close()


@pytest.mark.benchmark
def test_each_page_moves_within_five_seconds_of_opening(cold_app: str, page: Page) -> None:
    page.goto(cold_app)  # the first visit of a server loads its libraries
    took: dict[str, float] = {}
    for path in recorded_paths():
        opened = monotonic()
        page.goto(f"{cold_app}/{path}")
        see_it_move(page, path)
        took[path] = monotonic() - opened
    assert max(took.values()) < MOVES_WITHIN_S, took


@pytest.mark.benchmark
def test_a_slider_is_answered_at_once(cold_app: str, page: Page) -> None:
    page.goto(f"{cold_app}/forgetting")
    see_it_move(page, "forgetting")
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    rate = page.get_by_role("slider", name="Learning rate").first
    took = [turn(page, rate, n) for n in range(9)]
    # At the first turn of all, a server reads what is recorded.
    assert median(took[1:]) < ANSWERS_WITHIN_S, took


def turn(page: Page, rate: Locator, n: int) -> float:
    """To a rate that is not recorded, and back: seconds until the page says so."""
    page.wait_for_timeout(1_500)  # a reader looks at what came
    started = monotonic()
    rate.press("ArrowLeft" if n % 2 else "ArrowRight")
    page.wait_for_function(
        f"document.querySelector('[data-testid=stMain]').textContent.includes('Not recorded: learning rate') === {'false' if n % 2 else 'true'}",
        polling="raf",
    )
    return monotonic() - started
