"""A newcomer's way through the Workbench in Chromium: a spreadsheet's CSV in, a few steps, a script out."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.export.export import FORMATS
from core.export.parity import plain_environment
from pages.shared.take_home import TITLES
from tests.browser.conftest import TRAINED_MS

pytestmark = [pytest.mark.browser, pytest.mark.slow]
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


def tuned(app: str, page: Page, *, steps: int) -> None:
    """From a spreadsheet's CSV to a run that is over, with nothing but clicks."""
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
    wanted = page.get_by_label("Steps", exact=True)
    wanted.fill(f"{steps}")
    wanted.press("Enter")
    expect(page.get_by_text("With these steps, a run sees")).to_be_visible()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("heading", name="Take it home")).to_be_visible(timeout=TRAINED_MS)


def exported(page: Page, format: str, folder: Path) -> Path:
    """What the page's export is, unpacked. Each format has a button of its own: not that of the one before."""
    choose(page, "Format", TITLES[format])
    said = FORMATS[format]
    expect(page.get_by_text(f"{said[0].upper()}{said[1:]}.", exact=True)).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    page.get_by_role("button", name="Export", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile(r"^Download \(")).click()
    file = folder / "export.zip"
    download.value.save_as(file)
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_from_a_spreadsheet_to_a_script(app: str, page: Page, tmp_path: Path) -> None:
    tuned(app, page, steps=2)
    expect(page.get_by_role("heading", name="Run doctor")).to_be_visible()
    expect(page.get_by_role("button", name="Ask the probes")).to_be_visible()
    folder = exported(page, "script", tmp_path)
    assert list(folder.rglob("train.py"))
    (data,) = folder.rglob("train.jsonl")
    assert "Käfer" in data.read_text("utf-8")


@pytest.mark.benchmark
def test_a_newcomers_whole_way(app: str, page: Page, tmp_path: Path) -> None:
    """Minutes: what the tuning broke, why it went so, and the model taken home answers as the app, in a process
    that knows nothing of it."""
    tuned(app, page, steps=20)
    expect(page.get_by_role("heading", name="Run doctor")).to_be_visible()
    page.get_by_role("button", name="Ask the probes").click()
    expect(page.get_by_text(re.compile(r"\d+ of \d+ answers"))).to_be_visible()
    expect(page.get_by_text("Bars: 95 % intervals of the difference").first).to_be_visible(
        timeout=TRAINED_MS
    )
    folder = exported(page, "merged", tmp_path)
    (program,) = folder.rglob("answer.py")
    done = subprocess.run(
        [sys.executable, "-I", program.name, "--json"],
        cwd=program.parent,
        env=plain_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    said = [json.loads(line)["text"] for line in done.stdout.splitlines() if line[:1] == "{"]
    found = json.loads((program.parent / "parity.json").read_text("utf-8"))
    rows = found["rows"]
    assert [row["exported"] for row in rows] == said  # as in the check, on another day
    assert found["n_equal"] + found["n_near_ties"] == found["n"] == len(said)
    assert found["n_equal"] >= found["n"] - 2
