"""Logging in with an account (OpenID Connect), an option for a server that is open to many.

`TUNING_FORK_LOGIN=1`, an [auth] section in .streamlit/secrets.toml as `st.login` wants it, and
`TUNING_FORK_TEACHER_CLAIM` for who is a teacher; docs/cluster.md has an example.
"""

import os
from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from core.classroom.accounts import visitor_of
from core.classroom.classroom import Classroom
from core.errors import UserError
from core.visitor import Visitor

VARIABLE = "TUNING_FORK_LOGIN"
NOT_SET_UP = (
    f"{VARIABLE}=1 wants visitors to log in, but .streamlit/secrets.toml has no section [auth] with a "
    "cookie_secret and a provider. Nobody is let in until it has."
)


def is_login_wanted() -> bool:
    return os.environ.get(VARIABLE) == "1"


def is_logged_in() -> bool:
    """`UserError` where the server is not set up for it."""
    _secret()
    return bool(st.user.get("is_logged_in"))


def logged_in(room: Classroom) -> Visitor:
    """Who has logged in; `UserError` for who has not."""
    secret = _secret()
    if not st.user.get("is_logged_in"):
        raise UserError("Log in first.")
    claims: Mapping[str, Any] = st.user.to_dict()
    return visitor_of(claims, room, secret)


def ask_to_log_in() -> None:
    """In the place of every page, until somebody has."""
    st.title("Tuning Fork")
    st.write("Fine-tune a real language model and see what changes. Log in to begin.")
    st.button("Log in", type="primary", on_click=st.login, key="login_go")


def _secret() -> str:
    try:
        secret = st.secrets["auth"]["cookie_secret"]
    except (StreamlitSecretNotFoundError, LookupError, TypeError, AttributeError) as error:
        raise UserError(NOT_SET_UP) from error
    if not secret:
        raise UserError(NOT_SET_UP)
    return str(secret)
