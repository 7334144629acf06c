"""Who may reach the server, and what begins and ends with it: what app.py gives to Streamlit's `st.App`."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from math import inf
from typing import Any

import streamlit as st
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.runtime.pages_manager import PagesManager
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from core.descriptors import make_room
from core.errors import UserError
from pages.shared.engine import engine

FOREIGN_NAME = "This server does not answer under this name. To share it, start it with --server.allowedHosts, as README.md says."


AT_THE_LIMIT = "socket.accept() out of system resource"
SAID_EVERY_S = 60


@asynccontextmanager
async def serving(app: st.App) -> AsyncGenerator[None]:
    """Before the first reader comes, queued runs go on and the model warms up; at the end the workers end, too."""
    del app
    asyncio.get_running_loop().set_exception_handler(seldom_at_the_limit())
    PagesManager.uses_pages_directory = False  # else known only after the first `st.navigation`
    with suppress(UserError):  # the pages say it
        make_room()
        engine()
    yield
    engine.clear()


def seldom_at_the_limit() -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """A handler of errors that says once a minute that no other connection can be taken.

    asyncio says so two thousand times a second, each time with a traceback.
    """
    said_at = -inf

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal said_at
        if context.get("message") == AT_THE_LIMIT:
            if time.monotonic() < said_at + SAID_EVERY_S:
                return
            said_at = time.monotonic()
        loop.default_exception_handler(context)

    return handle


def own_names_only(app: ASGIApp) -> ASGIApp:
    """Refuse whatever is asked for under a name that is not in `server.allowedHosts`.

    By that rule Streamlit itself refuses only the connection over which pages travel, not its files.
    """

    async def refuse_or_pass(scope: Scope, receive: Receive, send: Send) -> None:
        is_request = scope["type"] in ("http", "websocket")
        if is_request and not is_host_allowed(Headers(scope=scope).get("host")):
            await PlainTextResponse(FOREIGN_NAME, status_code=403)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return refuse_or_pass
