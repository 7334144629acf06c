"""The settings of a run as widgets whose values live in the URL: a link opens the same settings."""

from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from typing import Any

import streamlit as st

from core.config import LLAMA_NAMES, ROLES, SETTINGS, RunConfig
from core.course.sources import value_at
from core.runs.names import decimals

RATES = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 3e-4, 5e-4, 1e-3, 2e-3, 3e-3, 1e-2)


SEEDS = range(10_000)
"""What a box for a seed takes."""


def within(config: RunConfig, allowed: Mapping[str, Container[Any]]) -> bool:
    """Whether each of some settings of a config is among those that a page's controls can be set to."""
    return all(value_at(config, path) in values for path, values in allowed.items())


def rate_slider(
    usual: float, *, key: str, rates: Sequence[float] = RATES, label: str = "Learning rate"
) -> float:
    """A slider over learning rates, and how the chosen one compares with the `usual` one."""
    linked = st.query_params.get(key, "")
    if "e-" in linked:  # older links say 3e-04
        del st.query_params[key]
        with suppress(ValueError):
            if (rate := float(linked)) in rates:
                st.session_state[key] = rate
    rate = st.select_slider(
        label,
        rates,
        value=usual,
        format_func=decimals,
        key=key,
        bind="query-params",
        help=SETTINGS["optimizer.learning_rate"].help,
    )
    st.caption(beside_usual(rate, usual))
    return rate


def beside_usual(rate: float, usual: float) -> str:
    """Such as "1,000 times the usual 0.00001."."""
    if rate == usual:
        return "The usual rate here for this method."
    times, words = (rate / usual, "the") if rate > usual else (usual / rate, "smaller than the")
    said = f"{times:,.0f}" if times >= 100 else f"{times:.3g}"
    return f"{said} times {words} usual {decimals(usual)}."


def choose_targets(label: str, *, key: str) -> list[str]:
    """Pills for the roles that LoRA targets; in older links they have their names in Llama."""
    roles = dict(zip(LLAMA_NAMES, ROLES, strict=True))
    linked = [roles[name] for name in st.query_params.get_all(key) if name in roles]
    return st.pills(
        label,
        ROLES,
        selection_mode="multi",
        default=linked or ["query", "value"],
        key=key,
        bind="query-params",
        help=SETTINGS["method.target_modules"].help,
    )
