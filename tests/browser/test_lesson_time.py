"""From the click to the first loss and to the finished run, in the lesson of forgetting, in Chromium.

    pytest -s -m benchmark tests/browser/test_lesson_time.py

For a quiet machine: browser, server and training share its cores. The first run computes the base model's
answers, the second takes them as kept. Prints a JSON line for each, with the processor time of server, workers
and browser, and what the server sent to the page; `python -m core bench lesson` says where the time goes.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Page, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.browser.conftest import running_app

pytestmark = [pytest.mark.browser, pytest.mark.benchmark]
BUTTON = re.compile(r"^Run( again)?$")
FIRST_LOSS_S, FINISHED_S = 1.5, 20
"""With a warm worker that knows the base model's answers."""
LONGEST_S = 600
WATCH = """() => {
    const seen = {loss: 0, finished: 0};
    window.seen = seen;
    addEventListener("click", () => { seen.clicked = performance.now(); }, {capture: true, once: true});
    const read = name => document.querySelector(`[data-testid="${name}"]`)?.textContent ?? "";
    const look = setInterval(() => {
        const s = (performance.now() - seen.clicked) / 1000;
        if (!seen.loss && /Step \\d+ of 20\\b.*; loss \\d/.test(read("stProgress"))) seen.loss = s;
        if (/Finished after 20 steps/.test(read("stAlert"))) { seen.finished = s; clearInterval(look); }
    }, 50);
}"""
"""The page says itself what it shows: Playwright's own waiting searches the whole page again and again, which took
a third of the browser's time."""


@pytest.fixture
def own_app(prepared_home: Path, tmp_path: Path) -> Iterator[str]:
    """A server with an empty data folder: nothing is kept of earlier runs."""
    (tmp_path / "cache").symlink_to(prepared_home / "cache")
    with running_app(tmp_path) as address:
        yield address


def cpu_s() -> dict[str, float]:
    """Processor seconds so far: of the server, its workers, and the browser."""
    found = {"server": 0.0, "workers": 0.0, "browser": 0.0}
    for process in psutil.Process().children(recursive=True):
        try:
            words, times = " ".join(process.cmdline()), process.cpu_times()
        except psutil.Error:
            continue
        kind = "workers" if "core.runs.worker" in words else "browser"
        found["server" if "streamlit run" in words else kind] += times.user + times.system
    return found


class Sent:
    """What the server sends to a page: a message for each element that is drawn, one at the end of a rerun."""

    def __init__(self, page: Page) -> None:
        self.sizes: list[int] = []
        self.n_reruns = 0
        self.bytes_by_kind: Counter[str] = Counter()
        page.on("websocket", lambda socket: socket.on("framereceived", self._receive))

    def _receive(self, payload: bytes | str) -> None:
        data = payload.encode() if isinstance(payload, str) else payload
        message = ForwardMsg.FromString(data)
        kind = message.WhichOneof("type") or "other"
        if kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            kind = message.delta.new_element.WhichOneof("type") or kind
        self.sizes.append(len(data))
        self.bytes_by_kind[kind] += len(data)
        self.n_reruns += kind == "script_finished"

    def taken(self) -> dict[str, Any]:
        """What came since the last time, largest kinds first."""
        found = {
            "messages": len(self.sizes),
            "bytes": sum(self.sizes),
            "reruns": self.n_reruns,
            "bytes_per_rerun": round(sum(self.sizes) / max(1, self.n_reruns)),
            "bytes_by_kind": dict(self.bytes_by_kind.most_common(8)),
        }
        self.sizes, self.n_reruns, self.bytes_by_kind = [], 0, Counter()
        return found


def open_lesson(page: Page, address: str) -> None:
    """Until it is drawn and the reader can press Run: the time to open a page is none of the run's."""
    page.goto(f"{address}/forgetting")
    expect(page.get_by_role("button", name=BUTTON)).to_be_enabled()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    page.wait_for_timeout(5_000)


def run_once(page: Page, sent: Sent) -> dict[str, Any]:
    """Press Run; when the first loss and the end are on screen (s), what it cost the cores, what was sent."""
    sent.taken()
    before, clicked = cpu_s(), time.monotonic()
    page.evaluate(WATCH)
    page.get_by_role("button", name=BUTTON).click()
    while not page.evaluate("window.seen.finished"):
        page.wait_for_timeout(500)
        assert time.monotonic() - clicked < LONGEST_S
    first_loss_s, finished_s = page.evaluate("[window.seen.loss, window.seen.finished]")
    spent = {name: after - before[name] for name, after in cpu_s().items()}
    return {
        "first_loss_s": first_loss_s,
        "finished_s": finished_s,
        "cpu_s": spent,
        "sent": sent.taken(),
    }


def test_the_lesson_from_click_to_finished(own_app: str, page: Page) -> None:
    sent = Sent(page)
    open_lesson(page, own_app)
    page.wait_for_timeout(20_000)  # the workers get warm
    computed = run_once(page, sent)
    open_lesson(page, own_app)
    kept = run_once(page, sent)
    for base, found in (("computed", computed), ("kept", kept)):
        row = {"type": "lesson_in_browser", "base": base, **found}
        print(json.dumps(row))  # noqa: T201
    assert kept["first_loss_s"] < FIRST_LOSS_S
    assert kept["finished_s"] < FINISHED_S
    around = kept["cpu_s"]["server"] + kept["cpu_s"]["browser"]
    assert around < 0.1 * psutil.cpu_count() * kept["finished_s"]
