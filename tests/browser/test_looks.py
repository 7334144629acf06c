"""Accessibility by axe, and a phone's width, on every page."""

import socket
import subprocess
import sys

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from core.course.lessons import LAB, LESSONS
from core.paths import ROOT
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.browser
PAGES = ["", *(page.url_path for page in (*LESSONS, *LAB))]
"""Every page of the app, as its navigation lists them."""
STATES = ["glossary?glossary_search=rank"]
"""What a page shows only once something is typed."""
PHONE_PX = 390
STREAMLITS_OWN = {"list", "listitem"}
"""The sidebar's navigation, which we cannot change, nests its list in a way axe refuses."""


def open_page(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.get_by_test_id("stException")).to_have_count(0)


def serious(page: Page) -> list[tuple[str, str]]:
    """What axe finds serious on the page as it stands, element by element."""
    return [
        (v["id"], node["html"])
        for v in Axe().run(page).response["violations"]
        if v["impact"] in ("serious", "critical") and v["id"] not in STREAMLITS_OWN
        for node in v["nodes"]
    ]


def width(page: Page) -> int:
    """Of what stands in the main part, in pixels, in the window of a phone."""
    page.set_viewport_size({"width": PHONE_PX, "height": 800})
    wide = 0
    for _ in range(20):  # charts are drawn anew, which a busy machine does late
        page.wait_for_timeout(250)
        wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
        if wide <= PHONE_PX:
            break
    return wide


@pytest.mark.parametrize("path", [*PAGES, *STATES])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_a_phone(
    app: str, page: Page, path: str
) -> None:
    page.emulate_media(reduced_motion="reduce")  # what fades in has too little contrast until then
    open_page(page, f"{app}/{path}")  # a link into the app, which app.py serves with its navigation
    expect(page.get_by_role("link", name="Runs").first).to_be_visible()
    assert not serious(page)
    assert width(page) <= PHONE_PX


def test_code_in_a_caption_can_be_read(app: str, page: Page) -> None:
    """Axe cannot judge every one of them: it has the colour of the faint words round it."""
    open_page(page, f"{app}/cures")
    expect(page.locator("[data-testid=stCaptionContainer] code").first).to_be_visible()
    page.wait_for_function(  # the page's rules may come after its words
        """() => [...document.querySelectorAll("[data-testid=stCaptionContainer] code")].every(
            (code) => getComputedStyle(code).color === getComputedStyle(code.parentElement).color
        )"""
    )


def test_run_is_reached_by_few_tabs(app: str, page: Page) -> None:
    open_page(page, f"{app}/lora")
    expect(page.get_by_role("button", name="Train this LoRA")).to_be_visible()
    page.wait_for_timeout(1_000)  # what is still put in its place would take the focus with it
    page.get_by_role("link", name="Skip to the page").focus()
    page.keyboard.press("Tab")
    page.get_by_role("link", name="Skip to the experiment").press("Enter")
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText") == "Train this LoRA":
            return
    raise AssertionError("not reached")


def test_a_run_that_is_not_here_leads_to_the_runs(app: str, page: Page) -> None:
    open_page(page, f"{app}/lora?run=20200101-000000-abcdef")
    page.get_by_role("link", name="See the runs there are").click()
    expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()
    assert len(page.context.pages) == 1


def test_links_in_texts_stay_in_the_tab_but_for_those_that_lead_away(app: str, page: Page) -> None:
    open_page(page, app)
    text = page.get_by_test_id("stMain")
    text.get_by_role("link", name="Classroom", exact=True).click()
    expect(page.get_by_role("heading", name="Classroom", level=1)).to_be_visible()
    open_page(page, f"{app}/lora")
    text.locator("a[href^='glossary?']").first.click()
    expect(page.get_by_role("heading", name="Glossary", level=1)).to_be_visible()
    assert "glossary_search=" in page.url
    assert len(page.context.pages) == 1
    page.evaluate("""() => {
        const link = document.createElement("a");
        Object.assign(link, {href: "about:blank", target: "_blank", textContent: "Away"});
        document.querySelector("[data-testid=stMain]").append(link);
    }""")
    with page.context.expect_page():
        page.get_by_text("Away", exact=True).click()


def test_a_port_in_use_is_said_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
    assert done.returncode != 0
    printed = done.stdout + done.stderr
    assert f"Port {port} is" in printed
    assert "Traceback" not in printed
