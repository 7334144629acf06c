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
    if st.query_params.get(key) == "":
        del st.query_params[key]
    chosen = control(label, options, default=default, required=True, key=key, **more)
    return default if chosen is None else chosen
