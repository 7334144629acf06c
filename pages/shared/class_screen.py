"""A learner's screen in a class: it says which page they look at, and follows what the teacher asks of all screens.

Every few seconds a fragment reads one row (core/classroom/steering.py), which the server itself reads at most once
a second. What the row says takes effect in the browser (assets/components/class_screen.js): controls are paused without
a rerun, and nobody is taken elsewhere while they type.
"""

from collections.abc import Mapping
from time import time as now
from typing import Any

import streamlit as st
from streamlit.components import v2

from core.classroom.links import SHORT, SIGNED
from core.classroom.steering import Look, State
from core.classwork.places import page_titles
from core.errors import UserError
from core.paths import ASSETS
from core.runs.limits import PAUSED
from core.visitor import Visitor
from pages.shared.address import before_next_run, controls, paths, settings
from pages.shared.plain import plain
from pages.shared.visitor import classroom, visitor

POLL_S = 3.0
STATE, SEEN, BACK = "class_state", "class_look_seen", "class_look_back"
"""In the session: what the teacher asked last, the number of the last call that was followed, and where the learner was
before."""
KINDS = [
    "Button",
    "DownloadButton",
    "LinkButton",
    "TextInput",
    "TextArea",
    "NumberInput",
    "Selectbox",
    "MultiSelect",
    "Slider",
    "Radio",
    "Checkbox",
    "ButtonGroup",
    "FileUploader",
    "Popover",
    "ChatInput",
    "DateInput",
    "ColorPicker",
]
ALL_CONTROLS = ", ".join(f'[data-testid="stMain"] [data-testid="st{kind}"]' for kind in KINDS)


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    return v2.component(
        "class_screen", js=(ASSETS / "components" / "class_screen.js").read_text("utf-8")
    )


def hold(name: str, held: str, *, look: int = 0) -> int:
    """Have the browser hold what `held` selects; returns the call that is to be followed now, or 0."""
    data = {"name": name, "held": held, "look": look}
    return _component()(key=f"class_screen_{name}", data=data, on_go_change=lambda: None).go or 0


def follow_class(page: str) -> None:
    """Before the page is drawn; `page` is the last part of its address. Nothing where no learner looks at it."""
    who = visitor()
    if who.role == "learner":
        with st.container(key="class_screen"):
            st.fragment(_follow, run_every=POLL_S)(who, page)


def _follow(who: Visitor, page: str) -> None:
    try:
        classroom().presence.post(who, page)
        state = classroom().steering.state(who.class_id)
        st.session_state[STATE] = state
    except UserError:  # the database is busy: the next look tells
        state = st.session_state.get(STATE, State())
    due = calls(state)
    say(state, page, is_due=due)
    called = hold("class", ALL_CONTROLS if state.is_frozen else "", look=state.number if due else 0)
    if due and called == state.number and state.look:
        go(state.look, state.number, page)


def calls(state: State) -> bool:
    """Whether the learner is to go elsewhere. Who has just come follows only a call of the last minute."""
    seen: int = st.session_state.setdefault(SEEN, state.number - state.is_fresh(now()))
    return (
        state.look is not None
        and state.number > seen
        and state.look.page in paths(of_learners=True)
    )


def say(state: State, page: str, *, is_due: bool) -> None:
    """What the teacher asks, in a sentence; nothing while nothing is asked."""
    back: tuple[str, dict[str, list[str]]] | None = st.session_state.get(BACK)
    brought = back and state.look and state.look.page == page and not is_due
    if not (state.is_frozen or is_due or brought):
        return
    with st.container(key="class_said"):
        if state.is_frozen:
            st.markdown(f"**{PAUSED}**")
        if is_due:
            st.markdown(
                "Your teacher asks everyone to look at a page. You go there when you stop typing."
            )
        elif brought and back:
            where, query = back
            st.markdown("Your teacher brought you here.")
            st.page_link(
                paths()[where],
                label=f"Back to {plain(page_titles()[where])}",
                icon=":material/arrow_back:",
                query_params=query,
            )


def set_controls(values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        st.session_state[name] = value


def go(look: Look, number: int, page: str) -> None:
    """To the page that everyone looks at, with its settings."""
    st.session_state[SEEN] = number
    before_next_run(set_controls, look.values)
    st.session_state.pop(BACK, None)
    if page == look.page:
        set_address(look.settings)
        st.rerun()
    if page in paths():
        st.session_state[BACK] = (page, settings())
    st.switch_page(paths()[look.page], query_params=look.settings)


def set_address(wanted: Mapping[str, list[str]]) -> None:
    """What no control of this page writes into its address, such as a run; the controls write the rest themselves."""
    bound = {*controls(), SHORT, SIGNED}
    for name in {*st.query_params} - bound - wanted.keys():
        del st.query_params[name]
    for name in wanted.keys() - bound:
        st.query_params[name] = wanted[name]
