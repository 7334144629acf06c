"""The memory calculator: a model, a method and a batch give bytes, each with its formula."""

import math
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.config import METHODS, MethodConfig, as_taught
from core.errors import UserError
from core.formulas.memory import GB, KEEP, OPTIMIZERS, PRECISIONS, Part, memory_parts, total_gb
from core.formulas.parameters import count
from core.shape import PUBLISHED, ModelShape, llama, total_parameters
from pages.shared.colours import BLUE, GREEN, GREY, ORANGE
from pages.shared.one_of import one_of
from pages.shared.plain import plain

OWN = "my own numbers"
CARDS_GB = (24, 80)
"""Memory of a graphics card for the home and of one for data centres."""
COLOURS = {
    "frozen weights": GREY,
    "trained weights": BLUE,
    "float32 copy": "#56B4E9",
    "gradients": GREEN,
    "optimizer": "#E69F00",
    "activations": ORANGE,
}


def calculator() -> None:
    """Draw the settings, and what they come to."""
    try:
        shape = choose_shape()
        method = choose_method(shape)
        parts = choose_parts(method, shape)
        trained = count(method, shape)
    except UserError as error:
        st.error(plain(str(error)))
        return
    st.markdown(f"**{calculator_heading(method, shape, parts)} {fits(total_gb(parts))}**")
    st.plotly_chart(parts_figure(parts), width="stretch", key="peft_calculated")
    table = parts_table(
        parts
    )  # st.table breaks long formulas, where st.dataframe would cut them off
    st.table(table.assign(GB=table.GB.map("{:,.3f}".format)), hide_index=True)
    st.caption(
        f"Trained parameters: {trained.symbols} = {trained.numbers} = {trained.n:,} ({trained.legend})."
    )
    st.caption(
        f"{shape.title}: {total_parameters(shape):,} parameters; d = {shape.hidden:,} wide, L = "
        f"{shape.layers} layers, a = {shape.heads} heads, m = {shape.intermediate:,} inside the MLP; "
        "b texts of s tokens. 1 GB is 10⁹ bytes. Formulas: Rajbhandari et al. 2020 (ZeRO, section 3) and "
        "Korthikanti et al. 2022 (section 4). Buffers and libraries come on top. For methods that "
        "train little, the activations are an upper bound: the inputs of a frozen matrix need not "
        "be kept."
    )


def choose_shape() -> ModelShape:
    title = st.selectbox(
        "Model", [*PUBLISHED, OWN], index=4, key="peft_calc_model", bind="query-params"
    )
    if title != OWN:
        return PUBLISHED[title]
    wanted = {
        "hidden": ("Width d", 2048),
        "intermediate": ("Inside the MLP m", 5632),
        "layers": ("Layers L", 22),
        "heads": ("Heads a", 32),
        "kv_heads": ("Key heads", 4),
        "vocabulary": ("Vocabulary", 32000),
    }
    places = [*st.columns(3), *st.columns(3)]
    sizes = {
        field: int(
            place.number_input(
                label, 1, 1_000_000, usual, key=f"peft_calc_{field}", bind="query-params"
            )
        )
        for place, (field, (label, usual)) in zip(places, wanted.items(), strict=True)
    }
    return llama(
        "Your model",
        hidden=sizes["hidden"],
        intermediate=sizes["intermediate"],
        layers=sizes["layers"],
        heads=sizes["heads"],
        kv_heads=sizes["kv_heads"],
        vocabulary=sizes["vocabulary"],
    )


def choose_method(shape: ModelShape) -> MethodConfig:
    left, right = st.columns(2)
    name = left.selectbox(
        "Method",
        as_taught(),
        index=as_taught().index(MethodConfig().name),
        format_func=lambda method: METHODS[method].title,
        key="peft_calc_method",
        bind="query-params",
    )
    knob = METHODS[name].knob
    if knob is None:
        return MethodConfig(name=name)
    values = [v for v in knob.values if knob.field != METHODS[name].depth or v <= shape.layers]
    value = right.select_slider(
        knob.words.capitalize(),
        values,
        value=min(knob.usual, values[-1]),
        key=f"peft_calc_{knob.field}_{len(values)}",
        bind="query-params",
    )
    return MethodConfig(name=name, **knob.settings(value))


def choose_parts(method: MethodConfig, shape: ModelShape) -> tuple[Part, ...]:
    left, right = st.columns(2)
    precision = one_of(
        left.segmented_control,
        "Stored weights",
        list(PRECISIONS),
        default="bfloat16",
        key="peft_calc_precision",
        bind="query-params",
    )
    optimizer = one_of(
        right.segmented_control,
        "Optimizer",
        list(OPTIMIZERS),
        default="AdamW",
        key="peft_calc_optimizer",
        bind="query-params",
    )
    left, middle, right = st.columns(3)
    batch = left.number_input(
        "Texts in a batch b", 1, 1024, 1, key="peft_calc_batch", bind="query-params"
    )
    sequence = middle.number_input(
        "Tokens in a text s", 1, 131_072, 512, key="peft_calc_tokens", bind="query-params"
    )
    keep = right.selectbox(
        "Activations kept",
        KEEP,
        key="peft_calc_keep",
        bind="query-params",
        help="What is not kept is computed again in the backward pass: less memory, more time.",
    )
    with_master = st.toggle(
        "Keep a float32 copy of 16-bit trained weights",
        value=True,
        key="peft_calc_master",
        bind="query-params",
        help="16-bit weights lose small updates. The copy collects them.",
    )
    return memory_parts(
        method,
        shape,
        precision=precision,
        optimizer=optimizer,
        batch=batch,
        sequence=sequence,
        keep=keep,
        with_master=with_master,
    )


def calculator_heading(method: MethodConfig, shape: ModelShape, parts: Sequence[Part]) -> str:
    total = total_gb(parts)
    largest = max(parts, key=lambda part: part.n_bytes)
    return (
        f"{METHODS[method.name].title} on {shape.title} takes {in_gb(total)}; the largest part is "
        f"{largest.name}, {100 * largest.n_bytes / GB / total:.0f} %."
    )


def in_gb(gb: float) -> str:
    return f"{gb:,.0f} GB" if gb >= 100 else f"{gb:.3g} GB"


def fits(gb: float) -> str:
    """On which card so much fits."""
    small, large = CARDS_GB
    if gb <= small:
        return f"That fits on one {small} GB card."
    if gb <= large:
        return f"That is too much for one {small} GB card and fits on one {large} GB card."
    return f"That fits on no single card: it takes at least {math.ceil(gb / large)} cards of {large} GB."


def parts_figure(parts: Sequence[Part]) -> go.Figure:
    """One stacked bar, with the cards it would fill."""
    figure = go.Figure(
        [
            go.Bar(
                x=[part.n_bytes / GB],
                y=["memory"],
                orientation="h",
                name=part.name,
                marker_color=COLOURS[part.name],
                hovertemplate=f"{part.name}: %{{x:,.3f}} GB<extra></extra>",
            )
            for part in parts
            if part.n_bytes
        ]
    )
    end = 1.05 * max(total_gb(parts), CARDS_GB[0])
    for card in CARDS_GB:
        if end / 4 <= card <= end:  # further left there is no room for its name
            figure.add_vline(
                x=card,
                line={"dash": "dash", "color": GREY},
                annotation_text=f"{card} GB card",
                annotation_position="top left",
            )
    return figure.update_layout(
        barmode="stack",
        xaxis={"title": "memory (GB)", "range": [0, end]},
        yaxis={"visible": False},
        height=240,
        margin={"l": 10, "r": 10, "t": 30},
        legend={"orientation": "h", "y": -0.55, "traceorder": "normal"},
    )


def parts_table(parts: Sequence[Part]) -> pd.DataFrame:
    """Each part in GB with its formula, and all together."""
    rows = [
        {"part": part.name, "GB": part.n_bytes / GB, "formula": part.symbols}
        | {"with numbers": part.numbers}
        for part in parts
    ]
    total = {"part": "together", "GB": total_gb(parts), "formula": "", "with numbers": ""}
    return pd.DataFrame([*rows, total])
