"""The lesson on cures in a real browser, on the real model: a cure runs, and its run lands on the plane."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


@pytest.mark.timeout(900)
def test_a_run_lands_on_the_plane(app: str, page: Page) -> None:
    page.goto(f"{app}/cures?cures_cure=LoRA&cures_seed=7")
    expect(page.get_by_text("freezes the model", exact=False).first).to_be_visible()
    expect(page.get_by_text(re.compile(r"Recorded on 20\d\d-\d\d-\d\d: \d+ runs"))).to_be_visible()
    plane = page.locator("[data-testid=stPlotlyChart]").last
    expect(plane.get_by_text("Rehearsal")).to_be_visible()
    expect(plane.get_by_text("yours:")).to_have_count(0)
    page.get_by_role("button", name="Run this cure", exact=True).click(timeout=60_000)
    mine = plane.get_by_text(re.compile("yours: LoRA, learning rate 0.001, seed 7"))
    expect(mine).to_be_visible(timeout=600_000)
    assert "run=" in page.url
    page.reload()
    expect(mine).to_be_visible(timeout=60_000)
    page.get_by_test_id("stButtonGroup").get_by_text("general questions").click()
    expect(plane.get_by_text("kept: general questions score")).to_be_visible()


@pytest.mark.timeout(300)
def test_each_claim_stands_beside_what_was_measured(app: str, page: Page) -> None:
    page.goto(f"{app}/cures")
    for source in ("Biderman", "Grandvalet", "Kirkpatrick"):
        expect(page.get_by_text(re.compile(f"^{source}|, {source}")).first).to_be_visible()
    measured = page.get_by_text(
        re.compile(r"Names kept.*: .* 0\.\d\d \(0\.\d\d to 0\.\d\d, \d runs\)")
    )
    expect(measured.first).to_be_visible()
