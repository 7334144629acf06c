"""Who may reach the server, and what begins and ends with it: what app.py gives to Streamlit's `st.App`."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

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


@asynccontextmanager
async def serving(app: st.App) -> AsyncGenerator[None]:
    """Before the first reader comes, queued runs go on and the model warms up; at the end the workers end, too."""
    del app
    PagesManager.uses_pages_directory = False  # else known only after the first `st.navigation`
    with suppress(UserError):  # the pages say it
        make_room()
        engine()
    yield
    engine.clear()


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
