"""Who may reach the server, and what begins and ends with it: what app.py gives to Streamlit's `st.App`."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import streamlit as st
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.runtime.pages_manager import PagesManager
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from core.descriptors import make_room
from core.errors import UserError
from pages.shared.engine import server_engine
from pages.shared.plain import plain

FOREIGN_NAME = "This server does not answer under this name. To share it, start it with --server.allowedHosts, as README.md says."


SAID_EVERY_S = 60
SWITCH_S = 0.0005
"""How long a page computes before another may. With Python's usual 5 ms, a page that reads a file or the database
waits so long for each of the others that compute, at every read: with 30 learners that added up to seconds."""


@asynccontextmanager
async def serving(app: st.App) -> AsyncGenerator[None]:
    """Before the first reader comes, queued runs go on and the model warms up; at the end the workers end, too."""
    del app
    asyncio.get_running_loop().set_exception_handler(each_error_seldom())
    sys.setswitchinterval(SWITCH_S)
    PagesManager.uses_pages_directory = False  # else known only after the first `st.navigation`
    with suppress(UserError):  # the pages say it
        make_room()
        server_engine()
    yield
    server_engine.clear()


def say_sentence(error: Exception) -> bool:
    """What a fragment or a callback raises for a person is shown as such; whether it was: all else is a bug.

    So a page that is open when a class ends says so, too.
    """
    if is_sentence := isinstance(error, UserError):
        st.error(plain(str(error)))
    return is_sentence


def each_error_seldom() -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """A handler of the event loop's errors that logs an equal one once a minute.

    A server that can open no other connection has asyncio log it two thousand times a second, with a traceback.
    """
    said_at: dict[str, float] = {}

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        what, now = repr(context.get("exception") or context.get("message")), time.monotonic()
        for old in [one for one, at in said_at.items() if at < now - SAID_EVERY_S]:
            del said_at[old]
        if what not in said_at:
            said_at[what] = now
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
