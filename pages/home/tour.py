"""The button that starts the tour of this page; assets/components/tour.js walks through its stops."""

import json
from dataclasses import asdict

import streamlit as st

from core.course.tour import stops
from core.paths import ASSETS

SCRIPT = ASSETS / "components" / "tour.js"
STARTED = "home_tours"
"""In the session: how often it was started. The browser runs a script that it knows only once."""


def tour_button() -> bool:
    """Whether it is to start, as often as one likes; `start_tour` comes last, when all that it points at is there."""
    return st.button("Take the tour: one minute", key="home_tour", icon=":material/explore:")


def start_tour() -> None:
    st.session_state[STARTED] = n = st.session_state.get(STARTED, 0) + 1
    told = json.dumps([asdict(stop) for stop in stops()]).replace("</", "<\\/")
    code = f"(() => {{ {SCRIPT.read_text('utf-8')}\ntour({told}); }})(); // {n}"
    st.html(f"<script>{code}</script>", unsafe_allow_javascript=True)
