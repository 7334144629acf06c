"""A choice among a few, of which one always holds."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import streamlit as st

V = TypeVar("V")


def one_of(
    control: Callable[..., Any],
    label: str,
    options: Sequence[V],
    *,
    default: V,
    key: str,
    **more: Any,
) -> V:
    """A choice by `st.segmented_control` or `st.pills`; where an address leaves its value empty, the default.

    Streamlit takes such an address for a choice of nothing, though one is required.
    """
    was_empty = f"{key}_was_empty"  # remembered: with another default, it would be another control
    if st.query_params.get(key) == "":
        del st.query_params[key]
        st.session_state[key], st.session_state[was_empty] = default, True
    usual = {} if was_empty in st.session_state else {"default": default}
    chosen = control(label, options, required=True, key=key, **usual, **more)
    return default if chosen is None else chosen
