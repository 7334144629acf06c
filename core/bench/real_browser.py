"""A real Chromium beside the others: how long until the page that a person sees changes, and a picture of the wall."""

import asyncio
import itertools
import shutil
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from core.bench.browser import Reaction
from core.errors import UserError, shortened

if TYPE_CHECKING:
    from playwright.async_api import Page

PAUSE_S = 7.0
OPEN_MS = 120_000
WALL_WIDTH, SETTLED_S = 1920, 5.0
"""Of a projector; and how long the wall draws what it shows, on a machine that trains beside it."""
POINTS = "[aria-label*='learned against kept']"
"""The wall's plane, by its words for those who do not see it."""
HEIGHT = "document.querySelector('[data-testid=\"stMainBlockContainer\"]').scrollHeight"
BUTTONS = ".st-key-before_task button"
"""On the page of the first lesson; each shows another task's example, which the server looks up."""
CLICK = """async ([selector, number]) => {
  const button = document.querySelectorAll(selector)[number];
  const shown = document.querySelector('[data-testid="stMain"]');
  const began = performance.now();
  return await new Promise((done) => {
    const looks = new MutationObserver((changes) => {
      if (changes.every((change) => button.parentElement.contains(change.target))) return;
      looks.disconnect();
      done((performance.now() - began) / 1000);
    });
    looks.observe(shown, { childList: true, subtree: true, characterData: true });
    button.click();
    setTimeout(() => { looks.disconnect(); done(null); }, 60000);
  });
}"""
"""The first change outside the control that was clicked: that one is drawn without the server."""


def chromium() -> str:
    """Where it is. `UserError` where it or the program that drives it is not installed."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        import playwright
    except ModuleNotFoundError as error:
        raise UserError(
            "A real browser takes playwright (requirements-dev.txt); without it: --chromium 0 and no --picture."
        ) from error
    del playwright
    if not path:
        raise UserError("Chromium is not installed; without it: --chromium 0 and no --picture.")
    return path


async def click_on(address: str, cookie: str, until: float) -> list[Reaction]:
    """Open the first lesson as this learner and click through its tasks until then."""
    found: list[Reaction] = []
    async with _page(address, cookie) as page:
        begun = time.monotonic()
        await page.goto(f"{address}/before")
        await page.wait_for_selector(BUTTONS, timeout=OPEN_MS)
        opened = time.monotonic() - begun
        found.append(Reaction("open before", begun, opened, opened))
        n_buttons = await page.locator(BUTTONS).count()
        for number in itertools.cycle(range(1, n_buttons)):
            await asyncio.sleep(PAUSE_S)
            if time.monotonic() > until:
                return found
            at = time.monotonic()
            seconds = await page.evaluate(CLICK, [BUTTONS, number])
            found.append(Reaction("choose before_task", at, seconds, seconds))
    return found


async def picture(address: str, cookie: str, lesson: str, file: Path) -> None:
    """The teacher's wall of this lesson with what came, in the width of a projector, into a PNG file.

    `UserError` where the file cannot be written or the wall shows no run.
    """
    from playwright.async_api import Error

    try:
        async with _page(address, cookie, width=WALL_WIDTH) as page:
            await page.goto(f"{address}/wall?{urlencode({'wall_lesson': lesson})}")
            await page.wait_for_selector(POINTS, timeout=OPEN_MS)
            await page.get_by_text("Show what came").click(timeout=OPEN_MS)
            await asyncio.sleep(SETTLED_S)
            height: int = await page.evaluate(HEIGHT)
            await page.set_viewport_size({"width": WALL_WIDTH, "height": height})
            await asyncio.sleep(SETTLED_S)
            file.parent.mkdir(parents=True, exist_ok=True)
            await page.screenshot(path=file)
    except (Error, OSError) as error:
        said = str(error).partition("\n")[0]
        raise UserError(f"There is no picture of the wall in {shortened(file)}: {said}") from error


@asynccontextmanager
async def _page(address: str, cookie: str, *, width: int = 1440) -> AsyncGenerator["Page"]:
    """A page of a browser of its own, entered with this cookie."""
    from playwright.async_api import async_playwright

    name, _, value = cookie.partition("=")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox"]
        )
        try:
            context = await browser.new_context(viewport={"width": width, "height": 1080})
            await context.add_cookies([{"name": name, "value": value, "url": address}])
            yield await context.new_page()
        finally:
            await browser.close()
