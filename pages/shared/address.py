"""The address of the page that is shown: which page, its settings, and which of its controls write into it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.course.lessons import LAB, LESSONS
from core.typed_json import Json

HOME = "pages/home/page.py"
BEFORE = "before_next_run"
"""In the session: what is to be done before the page is drawn again, as a control cannot be set once it is drawn."""


def paths(*, of_learners: bool = False) -> dict[str, str]:
    """The script of each page, by the last part of its address; only those that learners of a class have."""
    lessons = {page.url_path: f"pages/lessons/{page.id}/page.py" for page in LESSONS}
    lab = {
        page.url_path: f"pages/lab/{page.id}/page.py"
        for page in LAB
        if not (of_learners and page.for_teachers)
    }
    return {"": HOME, **lessons, **lab}


def settings() -> dict[str, list[str]]:
    """What stands in the address: a control that is as the page opens it does not."""
    return {name: st.query_params.get_all(name) for name in st.query_params}


def controls() -> list[str]:
    """The names of the controls that write into the address, in the order in which the page has them.

    Streamlit says it nowhere in public: it keeps what `bind="query-params"` bound in the session.
    """
    if (context := get_script_run_ctx()) is None:
        return []
    with context.session_state.query_params() as bound:
        return list(bound._bindings_by_param)  # pyright: ignore[reportPrivateUsage]


def values() -> dict[str, Json]:
    """What these controls say now, also those that are as the page opens them."""
    return {
        name: st.session_state[name]
        for name in controls()
        if name in st.session_state and is_plain(st.session_state[name])
    }


def is_plain(value: object) -> bool:
    """Whether a value comes back from JSON as it was."""
    if isinstance(value, list):
        return all(map(is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def server() -> str:
    """Under which address this browser reaches the server, such as "http://localhost:8501"."""
    parts = urlsplit(st.context.url or "")
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def before_next_run(call: Callable[..., None], *given: Any) -> None:
    """Have `call(*given)` set controls before the page is drawn again."""
    st.session_state[BEFORE] = [*st.session_state.get(BEFORE, []), (call, given)]


def take_up() -> None:
    """Set what was to be set; app.py, before each page."""
    for call, given in st.session_state.pop(BEFORE, []):
        call(*given)
