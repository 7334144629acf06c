"""While a reader waits for the first loss: nothing is drawn for nothing, nothing fades, and every click is answered."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from core.experiments.collapse import collapse
from core.runs.schema import Database
from core.runs.store import RunStore
from core.runs.tables import runs
from pages.shared.live import NEWS_WAIT_S
from tests.browser.conftest import running_app
from tests.events import evaluation, sample

pytestmark = pytest.mark.browser
N_DRAWN = 8
FAINTEST = """() => Math.min(...[...document.querySelectorAll('[class*="st-key-live_"] [data-stale]')]
    .map(element => Number(getComputedStyle(element).opacity)))"""


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[str]:
    """The address of a run that another machine carries out: the base model was measured, the first step is not
    done, and stays so."""
    url = f"sqlite:///{tmp_path / 'runs.sqlite3'}"
    store = RunStore(url)
    run = store.start(collapse(), worker="another-machine:1:1.0")
    store.append(run.id, sample(0, "", "Amina and Omar."))
    store.append(run.id, evaluation(0, "names", 0.5))
    with Database(url).transaction() as connection:
        connection.execute(update(runs).values(heartbeat_at=time.time() + 3600))
    with running_app(tmp_path, DATABASE_URL=url) as address:
        yield f"{address}/forgetting?run={run.id}"


def test_who_waits_sees_a_page_that_stands_still_and_answers(waiting: str, page: Page) -> None:
    drawn: list[float] = []

    def received(payload: bytes | str) -> None:
        message = ForwardMsg.FromString(payload.encode() if isinstance(payload, str) else payload)
        if message.WhichOneof("type") == "script_finished":
            drawn.append(time.monotonic())

    page.on("websocket", lambda socket: socket.on("framereceived", received))
    page.goto(waiting)
    expect(page.get_by_text("before Amina and Omar.")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.wait_for_timeout(2_000)
    drawn.clear()
    began = time.monotonic()
    while len(drawn) < N_DRAWN:
        assert page.evaluate(FAINTEST) == 1
        page.wait_for_timeout(100)
    # Looks at every third of a second draw it twice as often; the first two may have been on their way.
    assert time.monotonic() - began > (N_DRAWN - 2) * NEWS_WAIT_S
    page.get_by_role("link", name="Glossary").click()
    expect(page.get_by_role("heading", name="Glossary")).to_be_visible()
