"""The learning-rate finder on the Workbench: a few short runs, one picture, and a button that takes the rate over."""

from collections.abc import Callable, Sequence

import plotly.graph_objects as go
import streamlit as st

from core.config import RunConfig
from core.experiments.rate_finder import (
    LAST,
    RULE,
    SOURCE,
    STEPS,
    Suggestion,
    Tried,
    rate_configs,
    suggestion,
    tidy,
    tried,
)
from core.runs.duration import expected_s, in_words
from core.runs.names import decimals
from pages.shared.colours import BLUE, GREY, ORANGE
from pages.shared.engine import store
from pages.shared.queue import run_all


def rate_finder(config: RunConfig, *, use: Callable[[float], None]) -> None:
    """Try the rates for the data, method and settings of `config`; `use` puts the suggested one into the form."""
    configs = rate_configs(config)
    with st.expander("Find a learning rate"):
        st.caption(
            f"{len(configs)} short runs of {STEPS} steps from small rates to large ones, on the same batches. "
            f"{_expected(configs)}{RULE} {SOURCE}"
        )

        def draw() -> None:
            found = tried(configs, store())
            tidy(found, store())
            if found:
                _show(found, len(configs), config, use)

        lost = {one.rate for one in tried(configs, store()) if one.has_diverged}
        others = [c for c in configs if c.optimizer.learning_rate not in lost]
        run_all(others, "Try the rates", key="workbench_rates", draw=draw)


def _expected(configs: Sequence[RunConfig]) -> str:
    seconds = expected_s(configs[0], store().finished())
    return f"Together about {in_words(seconds * len(configs))}. " if seconds else ""


def _show(
    found: Sequence[Tried], n_wanted: int, config: RunConfig, use: Callable[[float], None]
) -> None:
    """The picture; a rate is suggested once all are tried."""
    suggested = (
        suggestion(found)
        if len(found) == n_wanted
        else Suggestion(rate=None, said=f"{len(found)} of {n_wanted} rates are tried.")
    )
    st.plotly_chart(
        rate_figure(found, suggested),
        width="stretch",
        key="workbench_rates_picture",
        alt=_title(found, suggested),
    )
    st.markdown(suggested.said)
    st.caption(
        f"Marks: mean loss of the last {LAST} steps; bars: their lowest and highest. One seed. The rate is for learning "
        "alone: a higher one forgets more, which a run’s checks show."
    )
    if suggested.rate is None:
        return
    if suggested.rate == config.optimizer.learning_rate:
        st.caption(f"The form has this rate: {decimals(suggested.rate)}.")
    else:
        st.button(
            f"Use this rate: {decimals(suggested.rate)}",
            key="workbench_rates_use",
            on_click=use,
            args=(suggested.rate,),
        )


def _title(found: Sequence[Tried], suggested: Suggestion) -> str:
    said = f"Suggested rate: {decimals(suggested.rate)}" if suggested.rate else "No rate suggested"
    return f"{said} ({STEPS} steps at each of {len(found)})"


def rate_figure(found: Sequence[Tried], suggested: Suggestion) -> go.Figure:
    """The loss after the short run over the rate; the suggested rate is marked, and so are those that diverged."""
    sound = [one for one in found if not one.has_diverged]
    lost = [one for one in found if one.has_diverged]
    figure = go.Figure()
    figure.add_scatter(
        x=[one.rate for one in sound],
        y=[one.loss for one in sound],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [one.high - one.loss for one in sound],
            "arrayminus": [one.loss - one.low for one in sound],
            "color": BLUE,
        },
        mode="lines+markers",
        line={"color": BLUE},
        marker={"size": 9},
        name=f"loss of the last {LAST} steps",
        hovertemplate="rate %{x:g}: loss %{y:.2f}<extra></extra>",
    )
    start = found[0].start
    figure.add_hline(
        y=start,
        line={"color": GREY, "dash": "dot"},
        annotation_text=f"first step: {start:.2f}",
        annotation_position="top",
    )
    if lost:
        figure.add_scatter(
            x=[one.rate for one in lost],
            y=[start] * len(lost),
            mode="markers",
            marker={"symbol": "x", "size": 12, "color": ORANGE},
            name="diverged",
            hovertemplate="rate %{x:g}: diverged<extra></extra>",
        )
    if suggested.rate is not None:
        (at,) = [one for one in sound if one.rate == suggested.rate]
        figure.add_scatter(
            x=[at.rate],
            y=[at.loss],
            mode="markers",
            marker={"symbol": "circle-open", "size": 22, "color": ORANGE, "line": {"width": 3}},
            name=f"suggested: {decimals(at.rate)}",
            hoverinfo="skip",
            cliponaxis=False,
        )
    rates = [one.rate for one in found]
    return figure.update_layout(
        title=_title(found, suggested),
        xaxis={
            "title": "learning rate",
            "type": "log",
            "tickvals": rates,
            "ticktext": [decimals(rate) for rate in rates],
        },
        yaxis={"title": "loss (nats per token)", "rangemode": "tozero"},
        legend={"orientation": "h", "y": -0.3},
        height=400,
        margin={"t": 60},
    )
