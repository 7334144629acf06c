"""Without a model and without a network, home and the lesson of forgetting move by themselves; a key stops them."""

from time import monotonic

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_looks import STREAMLITS_OWN

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
MOVES_WITHIN_S = 5


def serious(page: Page) -> list[tuple[str, str]]:
    found = Axe().run(page).response["violations"]
    return [
        (v["id"], v["nodes"][0]["html"])
        for v in found
        if v["impact"] in ("serious", "critical") and v["id"] not in STREAMLITS_OWN
    ]


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
        play = line.get_by_role("button").first
        expect(play).to_have_accessible_name("Pause")
        before = line.screenshot()
        page.wait_for_timeout(2500)
        assert line.screenshot() != before
        expect(page.get_by_test_id("stApp")).to_have_attribute(
            "data-test-script-state", "notRunning"
        )

        play.press("Space")
        expect(play).to_have_accessible_name("Play")
        before = line.screenshot()
        page.wait_for_timeout(1500)
        assert line.screenshot() == before
        assert not serious(page)

        slider = line.get_by_role("slider", name="Time in the recorded run")
        slider.press("Home")
        expect(slider).to_have_attribute("aria-valuetext", "Step 0 of 20: the base model")
        expect(page.get_by_text(last, exact=True).first).to_be_hidden()
        slider.press("ArrowRight")
        expect(slider).to_have_attribute("aria-valuetext", "Step 1 of 20, loss 2.13")
        slider.press("End")
        expect(page.get_by_text(last, exact=True).first).to_be_visible()
        expect(play).to_have_accessible_name("Play again")
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
def test_it_moves_within_five_seconds_of_opening(cold_app: str, page: Page) -> None:
    page.goto(cold_app)  # the first visit of a server loads its libraries
    for path in ("", "forgetting"):
        opened = monotonic()
        page.goto(f"{cold_app}/{path}")
        slider = page.get_by_role("slider", name="Time in the recorded run")
        expect(slider).not_to_have_value("0")
        assert monotonic() - opened < MOVES_WITHIN_S
