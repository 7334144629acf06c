"""Clicks in a real Chromium beside the others: how long until the page that a person sees changes."""

import asyncio
import itertools
import shutil
import time

from core.bench.browser import Reaction
from core.errors import UserError

PAUSE_S = 7.0
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
            "A real browser takes playwright (requirements-dev.txt); leave it out with --chromium 0."
        ) from error
    del playwright
    if not path:
        raise UserError("Chromium is not installed; leave it out with --chromium 0.")
    return path


async def click_on(address: str, cookie: str, until: float) -> list[Reaction]:
    """Open the first lesson as this learner and click through its tasks until then."""
    from playwright.async_api import async_playwright

    found: list[Reaction] = []
    name, _, value = cookie.partition("=")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox"]
        )
        try:
            context = await browser.new_context()
            await context.add_cookies([{"name": name, "value": value, "url": address}])
            page = await context.new_page()
            begun = time.monotonic()
            await page.goto(f"{address}/before")
            await page.wait_for_selector(BUTTONS, timeout=120_000)
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
        finally:
            await browser.close()
    return found
