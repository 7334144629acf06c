"""A prepared link that somebody opened: its settings go into the page, and what it locks or hides stays as it is.

    with opened_link(page):          # app.py, round the page
        navigation.run()

Its settings go into the address, from where the page's controls read them as from any link. A control that it locks
or hides gets its value again before each run of the page, whatever the browser says, and cannot be used there
(assets/components/class_screen.js). A link that was edited or forged is said to be so, and the page opens as always.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitAPIException

from core.classroom.links import SHORT, SIGNED, Link, opened
from core.errors import UserError
from core.runs.names import decimals
from pages.shared.address import paths, settings
from pages.shared.class_screen import hold
from pages.shared.plain import plain
from pages.shared.visitor import classroom, visitor

STATE, WRONG = "prepared_link", "prepared_link_wrong"


@dataclass
class Opened:
    """In the session: the link that stands in the address, and the values that it holds."""

    name: str
    said: str
    link: Link
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    """Of the controls that keep theirs, as the page made them of its address."""


@contextmanager
def opened_link(page: str) -> Generator[None]:
    """Round a page, of which `page` is the last part of its address."""
    now = _in_address(page)
    if wrong := st.session_state.pop(WRONG, ""):
        st.warning(plain(wrong), icon=":material/link_off:")
    if now is None:
        yield
        return
    _put_back(now)
    _say(now)
    try:
        yield
    finally:  # also where the page ends early
        for name in now.link.fixes:
            if name in st.session_state:
                now.values.setdefault(name, st.session_state[name])


def _in_address(page: str) -> Opened | None:
    """The link in the address; one that is new here is opened, and the page begins anew with its settings."""
    name = next((name for name in (SHORT, SIGNED) if name in st.query_params), "")
    if not name:
        return None
    said = st.query_params[name]
    now: Opened | None = st.session_state.get(STATE)
    if now is None or (now.name, now.said) != (name, said):
        try:
            link = classroom().short_links.get(said) if name == SHORT else opened(said)
            if link.page not in paths(of_learners=visitor().role == "learner"):
                raise UserError("This link leads to a page that is not there for you.")
        except UserError as error:
            st.session_state[WRONG] = str(error)
            st.switch_page(paths()[page])  # nothing that stands beside it is used
        st.session_state[STATE] = Opened(name=name, said=said, link=link)
        turned = {n: v for n, v in settings().items() if n not in (*link.fixes, SHORT, SIGNED)}
        st.switch_page(paths()[link.page], query_params={**link.settings, **turned, name: [said]})
    return now if now.link.page == page else None


def _put_back(now: Opened) -> None:
    """What is locked or hidden gets its value again."""
    for name in now.link.fixes:
        if name in now.values:
            st.session_state[name] = now.values[name]
        elif st.query_params.get_all(name) != (wanted := now.link.settings.get(name, [])):
            with suppress(
                StreamlitAPIException, KeyError
            ):  # a control writes it: it has its value above
                if wanted:
                    st.query_params[name] = wanted
                else:
                    del st.query_params[name]


def _say(now: Opened) -> None:
    """Which controls are set, and to what: in the browser they cannot be used."""
    link = now.link
    if link.hidden:
        hidden = ", ".join(f".st-key-{_css_class(name)}" for name in link.hidden)
        st.html(f"<style>{hidden} {{ display: none; }}</style>")
    if link.is_signed:
        hold("link", ", ".join(f".st-key-{_css_class(name)}" for name in link.fixes))
    if link.locked:
        said = ", ".join(
            f"{in_words(name, link.page)} {value_of(now, name)}".strip() for name in link.locked
        )
        st.caption(f":material/lock: Set by your teacher: {plain(said)}.")


def value_of(now: Opened, name: str) -> str:
    """What a control is set to, in words; "" before the page has read its address."""
    value = now.values.get(name, now.link.settings.get(name, ""))
    every = value if isinstance(value, list) else [value]
    return ", ".join(decimals(one) if isinstance(one, float) else str(one) for one in every)


def in_words(name: str, page: str) -> str:
    """What a control is called, as far as its name in the address tells: "learning rate" of "lora_learning_rate".

    >>> in_words("forgetting_rate_full", "forgetting")
    'rate full'
    """
    return name.removeprefix(f"{page}_").replace("_", " ")


def _css_class(name: str) -> str:
    """As Streamlit makes it of a key."""
    return re.sub(r"[^a-zA-Z0-9_-]", "-", name.strip())
