"""The sampling settings of an answer as controls, and how far these go."""

import streamlit as st

from core.generate.settings import SamplingSettings

TEMPERATURE, TOP_P, PENALTY = (0.0, 2.0), (0.05, 1.0), (1.0, 2.0)
TOP_K, SEED, LONGEST = (0, 100), (0, 9999), (1, 300)
"""The ends of the controls."""


def sampling_panel(page: str) -> SamplingSettings:
    """Widgets for every sampling setting; their values live in the URL."""
    with st.expander("Sampling: temperature, top-k, top-p, repetition penalty, seed"):
        temperature = st.slider(
            "Temperature (0 takes the likeliest token)",
            *TEMPERATURE,
            0.0,
            0.1,
            key=f"{page}_temperature",
            bind="query-params",
        )
        top_k = st.slider(
            "Top-k (0 keeps all)",
            *TOP_K,
            0,
            key=f"{page}_top_k",
            bind="query-params",
            help="Only the k likeliest tokens stay in the draw.",
        )
        top_p = st.slider(
            "Top-p (1 keeps all)",
            *TOP_P,
            1.0,
            0.05,
            key=f"{page}_top_p",
            bind="query-params",
            help="Only the likeliest tokens stay, as many as it takes to reach this probability together.",
        )
        penalty = st.slider(
            "Repetition penalty (1 is none)",
            *PENALTY,
            1.0,
            0.05,
            key=f"{page}_penalty",
            bind="query-params",
            help="Makes tokens that came before less likely to come again.",
        )
        left, right = st.columns(2)
        seed = left.number_input("Seed", *SEED, 0, key=f"{page}_seed", bind="query-params")
        longest = right.number_input(
            "Longest answer (tokens)", *LONGEST, 60, key=f"{page}_longest", bind="query-params"
        )
    return SamplingSettings(
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        repetition_penalty=penalty,
        max_new_tokens=longest,
        seed=seed,
    )


def can_set(settings: SamplingSettings) -> bool:
    """Whether the controls go as far as these settings."""
    s = settings
    ends = (
        (s.temperature, TEMPERATURE),
        (s.top_k, TOP_K),
        (s.top_p, TOP_P),
        (s.repetition_penalty, PENALTY),
        (s.seed, SEED),
        (s.max_new_tokens, LONGEST),
    )
    return all(low <= value <= high for value, (low, high) in ends)


def set_sampling(page: str, settings: SamplingSettings) -> None:
    """Put settings into the controls of `sampling_panel`."""
    st.session_state[f"{page}_temperature"] = settings.temperature
    st.session_state[f"{page}_top_k"] = settings.top_k
    st.session_state[f"{page}_top_p"] = settings.top_p
    st.session_state[f"{page}_penalty"] = settings.repetition_penalty
    st.session_state[f"{page}_seed"] = settings.seed
    st.session_state[f"{page}_longest"] = settings.max_new_tokens
