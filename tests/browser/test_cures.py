"""The lesson on cures in a real browser: a run of a cure lands on the plane, and claims stand beside figures."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.experiments.mitigations import mitigation_config
from core.runs.store import RunStore
from tests.pages.test_any_run import keep

pytestmark = pytest.mark.browser


def test_a_run_lands_on_the_plane(
    app: str, page: Page, prepared_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.goto(f"{app}/cures?cures_cure=LoRA&cures_seed=7")
    expect(page.get_by_text("freezes the model", exact=False).first).to_be_visible()
    expect(page.get_by_text(re.compile(r"Recorded on 20\d\d-\d\d-\d\d: \d+ runs"))).to_be_visible()
    plane = page.locator("[data-testid=stPlotlyChart]").last
    expect(plane.get_by_text("Rehearsal")).to_be_visible()
    expect(plane.get_by_text("yours:")).to_have_count(0)
    expect(page.get_by_role("button", name="Run this cure", exact=True)).to_be_enabled()
    monkeypatch.setenv("TUNING_FORK_HOME", str(prepared_home))
    run_id = keep(RunStore(), mitigation_config("lora", 1e-3, seed=7), "finished")
    page.goto(f"{app}/cures?run={run_id}")
    mine = plane.get_by_text(re.compile("yours: LoRA, learning rate 0.001, seed 7"))
    expect(mine).to_be_visible()
    page.reload()
    expect(mine).to_be_visible()
    page.get_by_test_id("stButtonGroup").get_by_text("general questions").click()
    expect(plane.get_by_text("kept: general questions score")).to_be_visible()
    RunStore().delete(run_id)


def test_each_claim_stands_beside_what_was_measured(app: str, page: Page) -> None:
    page.goto(f"{app}/cures")
    for source in ("Biderman", "Grandvalet", "Kirkpatrick"):
        expect(page.get_by_text(re.compile(f"^{source}|, {source}")).first).to_be_visible()
    measured = page.get_by_text(
        re.compile(r"Names kept.*: .* 0\.\d\d \(0\.\d\d to 0\.\d\d, \d runs\)")
    )
    expect(measured.first).to_be_visible()
