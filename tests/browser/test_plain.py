"""What the browser makes of text from outside: exactly that text, and no request to anywhere."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT, free_port
from tests.pages.hostile import HOSTILE
from tests.patience import PATIENCE_S, listens, wait_for

pytestmark = pytest.mark.browser
DRAWN = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from pages.shared.plain import plain, quoted
from tests.pages.hostile import HOSTILE
for text in HOSTILE:
    st.markdown(plain(text))
    st.markdown(quoted(text))
    st.error(plain(text))
    st.expander(plain(text))
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    script, port = tmp_path / "drawn.py", free_port()
    script.write_text(DRAWN)
    command = [sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: listens(port))
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(timeout=PATIENCE_S)


def test_text_from_outside_is_drawn_as_it_is(page: Page, address: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    drawn = page.get_by_test_id("stMarkdownContainer")
    expect(drawn).to_have_count(4 * len(HOSTILE))
    shown = [clean(text) for text in drawn.all_inner_texts()]
    wanted = [" ".join(text.split()) for text in HOSTILE for _ in range(4)]
    assert shown == wanted
    inside = "a, img, em, strong, code, .katex, h1, li, table, del, [data-testid=stIconMaterial]"
    main = page.get_by_test_id("stMain").get_by_test_id("stMarkdownContainer")
    assert main.locator(inside).count() == 0
    assert all(url.startswith((address, "ws:", "data:")) for url in asked), asked


def clean(text: str) -> str:
    return " ".join(text.replace("\u2060", "").split())
