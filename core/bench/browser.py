"""A browser as the server sees one: Streamlit's own protocol over its own connection, without drawing anything.

    browser = Browser(address, cookie="tuning_fork_class=…")
    await browser.open("forgetting")
    reaction = await browser.click("forgetting_run_start")
    reaction.first_s                    # from the click to the first change that the server sent
    browser.texts()                     # what stands on the page

Like the program in a browser it keeps what every widget says and sends all of it, has fragments run again at their
intervals, keeps large messages, and follows the address. Thirty Chromiums on two cores would measure themselves.
"""

import asyncio
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from core.bench.browser_page import Page, WidgetState, widget_state
from core.errors import UserError

PATIENCE_S = 120.0
ASSET = re.compile(r'(?:src|href)="\./?(static/[^"]+\.(?:js|css))"')


@dataclass
class Reaction:
    """What the server sent after one action, in seconds from it."""

    action: str
    at: float
    """When, by the clock that only goes forward."""
    first_s: float | None = None
    """Until the first change of the page; where nothing changes, until it was whole again."""
    done_s: float | None = None
    """Until the page was whole again."""


@dataclass
class Waiting:
    """An action whose reaction is not whole yet."""

    reaction: Reaction
    fragment: str
    """Which it was in; none where it has all of the page run."""
    n_runs: int
    """How many runs the page had seen before it."""
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def is_answered_by(self, page: Page) -> bool:
        """Whether the run under way can be its own."""
        is_its_kind = self.fragment in page.fragments if self.fragment else not page.fragments
        return is_its_kind and page.run > self.n_runs


class Browser:
    """One open page. Use it in one event loop."""

    def __init__(
        self,
        address: str,
        *,
        cookie: str = "",
        on_payload: Callable[[bytes], None] = lambda payload: None,
    ) -> None:
        """`on_payload` sees every message as it comes."""
        self.address, self.cookie = address, cookie
        self.page = Page()
        self.n_bytes = 0
        self.trouble = ""
        """Why nothing comes any more."""
        self._headers = {"Cookie": cookie} if cookie else {}
        self._on_payload = on_payload
        self._states: dict[str, WidgetState] = {}
        self._waiting: list[Waiting] = []
        self._socket: ClientConnection | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[str, asyncio.Task[None]] = {}

    async def open(self, page: str, query: str = "") -> Reaction:
        """Load a page as its address typed into a browser; returns when it is whole."""
        begun = time.monotonic()
        await self.close()
        self.page, self._states, self.trouble = Page(query=query), {}, ""
        await asyncio.to_thread(self._load, f"{page}?{query}" if query else page)
        stream = f"{self.address.replace('http', 'ws', 1)}/_stcore/stream"
        self._socket = await connect(
            stream,
            origin=Origin(self.address),
            subprotocols=[Subprotocol("streamlit")],
            additional_headers=self._headers,
            max_size=None,
            open_timeout=PATIENCE_S,
        )
        self._start(self._receive(self._socket))
        return await self._act(f"open {page or 'home'}", page_name=page, at=begun)

    async def go(self, page: str) -> Reaction:
        """To another page by the menu."""
        self._states, self.page.query = {}, ""
        return await self._act(f"go to {page or 'home'}", script=self.page.pages[page])

    async def click(self, key: str) -> Reaction:
        """Press a button. Raises `LookupError` where it is not on the page."""
        kind, widget, fragment = self.page.widget(key)
        pressed = widget_state(kind, widget.id, True)
        return await self._act(f"click {key}", fragment=fragment, once=[pressed])

    async def choose(self, key: str, value: object) -> Reaction:
        """Give a widget a value: the text of an option, a number, typed words."""
        kind, widget, fragment = self.page.widget(key)
        self._states[widget.id] = widget_state(kind, widget.id, value)
        return await self._act(f"choose {key}", fragment=fragment)

    async def close(self) -> None:
        for task in (*self._tasks, *self._timers.values()):
            task.cancel()
        self._tasks.clear()
        self._timers.clear()
        if self._socket:
            await self._socket.close()
            self._socket = None

    async def _act(
        self,
        action: str,
        *,
        fragment: str = "",
        script: str = "",
        page_name: str = "",
        once: Sequence[WidgetState] = (),
        at: float | None = None,
    ) -> Reaction:
        """`UserError` where the connection is gone."""
        reaction = Reaction(action, time.monotonic() if at is None else at)
        waiting = Waiting(reaction, fragment, self.page.run)
        self._waiting.append(waiting)
        await self._rerun(fragment=fragment, script=script, page_name=page_name, once=once)
        try:
            await asyncio.wait_for(waiting.done.wait(), PATIENCE_S)
        except TimeoutError:
            self._waiting.remove(waiting)
        if self.trouble:
            raise UserError(self.trouble)
        return reaction

    async def _rerun(
        self,
        *,
        fragment: str = "",
        script: str = "",
        page_name: str = "",
        once: Sequence[WidgetState] = (),
        is_auto: bool = False,
    ) -> None:
        assert self._socket
        message = self.page.rerun(
            [*self._states.values(), *once],
            fragment=fragment,
            script=script,
            page_name=page_name,
            is_auto=is_auto,
        )
        with suppress(ConnectionClosed):
            await self._socket.send(message)

    async def _receive(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for payload in socket:
                if not isinstance(payload, bytes):
                    continue
                now = time.monotonic()
                self.n_bytes += len(payload)
                self._on_payload(payload)
                try:
                    kind = self.page.take(payload)
                except (DecodeError, KeyError) as error:
                    self.trouble = f"The server sent what no browser understands: {error!r}"
                    break
                self._tell(kind, now)
        self.trouble = self.trouble or "The server closed the connection."
        for waiting in self._waiting:
            waiting.done.set()

    def _tell(self, kind: str, now: float) -> None:
        """Let those know who wait for what came."""
        ours = [one for one in self._waiting if one.is_answered_by(self.page)]
        if kind == "delta":
            for one in ours:
                if one.reaction.first_s is None:
                    one.reaction.first_s = now - one.reaction.at
        elif kind == "script_finished":
            for one in ours:
                one.reaction.done_s = now - one.reaction.at
                one.reaction.first_s = one.reaction.first_s or one.reaction.done_s
                self._waiting.remove(one)
                one.done.set()
        if kind in ("auto_rerun", "stop_auto_rerun", "new_session"):
            self._set_timers()

    def _set_timers(self) -> None:
        for fragment in [f for f in self._timers if f not in self.page.reruns]:
            self._timers.pop(fragment).cancel()
        for fragment, interval in self.page.reruns.items():
            if fragment not in self._timers:
                self._timers[fragment] = asyncio.create_task(self._again(fragment, interval))

    async def _again(self, fragment: str, interval_s: float) -> None:
        while True:
            await asyncio.sleep(interval_s)
            await self._rerun(fragment=fragment, is_auto=True)

    def _start(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _load(self, path: str) -> None:
        """The page's own file, and on a first visit the program that it names."""
        text = self._get(path).decode("utf-8", "replace")
        for asset in ASSET.findall(text):
            self._get(asset)

    def _get(self, path: str) -> bytes:
        headers = self._headers | {"Accept": "text/html"}
        request = urllib.request.Request(f"{self.address}/{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.read()


def enter(address: str, path: str, fields: dict[str, str]) -> str:
    """Hand in the form of the entrance; returns the cookie it gave. `UserError` with what it said else."""
    body = urllib.parse.urlencode(fields).encode()
    request = urllib.request.Request(f"{address}/{path}", data=body, method="POST")
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=PATIENCE_S) as answer:
            given = answer.headers.get("Set-Cookie", "")
    except urllib.error.HTTPError as error:
        given = error.headers.get("Set-Cookie", "")
        if not given:
            raise UserError(f"The entrance let nobody in (HTTP {error.code}).") from error
    return given.partition(";")[0]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The cookie stands in the answer itself."""

    def redirect_request(
        self, req: object, fp: object, code: object, msg: object, headers: object, newurl: object
    ) -> None:
        del req, fp, code, msg, headers, newurl
