"""The first screen: the network with what a method trains in blue, and what that costs and keeps."""

from collections.abc import Sequence

import streamlit as st

from core.config import METHODS, RunConfig
from core.evaluate.apart import runs_words
from core.experiments import record
from core.experiments.method_rows import MethodSetting, method_settings
from core.formulas.parameters import count, trained_share
from pages.lessons.peft.network import network_picture
from pages.lessons.peft.side_by_side import recorded_rows_of
from pages.shared.engine import model_shape


def shrink(config: RunConfig, found: Sequence[MethodSetting], *, told: bool) -> None:
    """The network with what is trained in blue; share, memory, and what was kept where that may be told."""
    method = config.method
    shape, spec = model_shape(), METHODS[method.name]
    share = 100 * trained_share(method, shape)
    st.markdown(f"**{spec.title} trains {share:.3g} % of {shape.title}: the blue**")
    st.markdown(network_picture(method, shape), unsafe_allow_html=True)
    figures = st.container(horizontal=True)
    figures.metric("Trained parameters", short_number(count(method, shape).n), width="content")
    known = [*found, *method_settings(recorded_rows_of(config, config.hash))]
    alike = [s for s in known if s.is_recorded and s.rows[0].method == method][:1]
    if not alike:
        figures.metric("Memory to train", "–", width="content")
        figures.metric("General questions kept", "–", width="content")
        st.caption("This setting is not recorded. Run it to measure it.")
        return
    (setting,) = alike
    all_bytes = [row.total_bytes for row in setting.rows]
    figures.metric(
        "Memory to train", f"{sum(all_bytes) / len(all_bytes) / 1e6:,.0f} MB", width="content"
    )
    general = setting.mean("general") if told else None
    shipped = record.recorded("methods")
    base = shipped.base_score("general") if shipped else None
    figures.metric(
        "General questions kept",
        ("–" if told else "?") if general is None else f"{general:.2f}",
        width="content",
    )
    st.caption(
        "Memory: weights, gradients, optimizer state and activations of the first step. "
        + (
            f"Kept: the share of general questions answered right, which no method trained on; the base model "
            f"scores {base:.2f}. "
            if base is not None
            else ""
        )
        + ("" if told else "The question mark stands there until your guess is locked. ")
        + (f"Recorded on {shipped.date}, {runs_words(len(setting.rows))}." if shipped else "")
    )


def short_number(n: int) -> str:
    """460,800 as it is, 134,515,008 as 134.5 million."""
    return f"{n / 1e6:,.1f} million" if n >= 1e6 else f"{n:,}"
