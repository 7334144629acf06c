"""A newcomer's way through the Workbench in Chromium: a spreadsheet's CSV in, a few steps, a script out."""

import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]
ROWS = [(f"Wie viele Beine haben {n} Käfer?", f"{6 * n}") for n in range(2, 22)]
CSV = "Frage;Antwort\r\n" + "".join(f"{question};{answer}\r\n" for question, answer in ROWS)


def choose(page: Page, label: str, option: str) -> None:
    """Once the page is at rest and the box in sight: an open list closes when the page is drawn anew or scrolls."""
    box = page.get_by_role("combobox", name=label).first
    box.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    box.click()
    page.get_by_role("option", name=option, exact=True).click()


def test_from_a_spreadsheet_to_a_script(app: str, page: Page, tmp_path: Path) -> None:
    page.goto(f"{app}/workbench")
    page.locator("input[type=file]").set_input_files(
        {"name": "fragen.csv", "mimeType": "text/csv", "buffer": CSV.encode("cp1252")}
    )
    expect(page.get_by_test_id("stAlert").first).to_contain_text("choose the columns")
    choose(page, "Prompt from", "Frage")
    page.keyboard.press("Escape")
    choose(page, "Completion from", "Antwort")
    expect(page.get_by_text("read as Windows-1252")).to_be_visible()
    page.get_by_role("button", name="Use these 20 pairs").click()
    expect(page.get_by_role("heading", name="2 · Data check")).to_be_visible()
    steps = page.get_by_label("Steps", exact=True)
    steps.fill("2")
    steps.press("Enter")
    expect(page.get_by_text("With these steps, a run sees")).to_be_visible()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("heading", name="Take it home")).to_be_visible(timeout=180_000)
    choose(page, "Format", "Training script with its data")
    page.get_by_role("button", name="Export", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile(r"^Download \(")).click()
    file = tmp_path / "script.zip"
    download.value.save_as(file)
    with zipfile.ZipFile(file) as archive:
        names = [Path(name).name for name in archive.namelist()]
        assert "train.py" in names
        (data,) = [name for name in archive.namelist() if name.endswith("train.jsonl")]
        assert "Käfer" in archive.read(data).decode()
