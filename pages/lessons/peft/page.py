"""Lesson: the families of parameter-efficient fine-tuning, what each trains, and what it costs."""

import streamlit as st

from core.config import FAMILIES, METHODS, MethodConfig, of_family
from core.experiments import record
from core.experiments.method_rows import MethodSetting, method_settings
from core.experiments.methods import method_config
from core.formulas.parameters import count, trained_share
from pages.lessons.peft.calculator import calculator
from pages.lessons.peft.pictures import layer_picture
from pages.lessons.peft.shares import (
    band_heading,
    share_figure,
    share_rows,
    size_figure,
    size_heading,
    size_rows,
)
from pages.lessons.peft.side_by_side import (
    MEASURES,
    SIDE_COLUMNS,
    headline,
    memory_finding,
    memory_table,
    own_rows,
    recorded_rows,
    side_table,
    trade_off_figure,
)
from pages.shared.engine import model_ready, model_shape, preparation
from pages.shared.forgetting import forgetting_view
from pages.shared.run_button import run_button


def choose() -> MethodConfig:
    """A family, a method of it, and its knob; shows what it adds and how much it trains."""
    family = st.segmented_control(
        "Family",
        list(FAMILIES),
        format_func=lambda family: FAMILIES[family].title,
        default="reparameterization",
        required=True,
        key="peft_family",
        bind="query-params",
    )
    st.caption(FAMILIES[family].how)
    methods = of_family(family)
    method = st.pills(
        "Method",
        methods,
        format_func=lambda method: METHODS[method].title,
        default=methods[0],
        required=True,
        key=f"peft_method_{family.split()[0]}",
        bind="query-params",
        wrap=True,
    )
    card, shape = METHODS[method], model_shape()
    left, right = st.columns([2, 3])
    settings = {}
    with right:
        st.subheader(card.title)
        st.markdown(f"{card.how} {card.adds}")
        st.latex(card.formula)
        st.caption(card.paper)
        if card.knob:
            value = st.select_slider(
                card.knob.words.capitalize(),
                card.knob.values,
                value=card.knob.usual,
                key=f"peft_{method}",
                bind="query-params",
            )
            settings = card.knob.settings(value)
        config = MethodConfig(name=method, **settings)
        found = count(config, shape)
        share = 100 * trained_share(config, shape)
        st.metric(
            "Trained parameters",
            f"{found.n:,}",
            f"{share:.3g} % of all",
            delta_color="off",
            delta_arrow="off",
        )
        st.markdown(f"{found.symbols}  \n= {found.numbers}  \n= {found.n:,}")
        st.caption(found.legend)
    with left:
        st.markdown(layer_picture(config, shape), unsafe_allow_html=True)
        st.caption("Blue is trained, grey is frozen. The column at the left is all decoder layers.")
    return config


def try_it(method: MethodConfig) -> None:
    """Run the method on the real model and watch it."""
    if not model_ready():
        preparation()
        return
    left, _ = st.columns([1, 3])
    seed = left.number_input("Seed", 0, 9999, 0, key="peft_seed", bind="query-params")
    knob = METHODS[method.name].knob
    settings = knob.settings(getattr(method, knob.field)) if knob else {}
    config = method_config(method.name, seed=seed, **settings)
    run_id = run_button(config, "Run this method", key="peft", name="run")
    if run_id:
        forgetting_view(run_id)
    else:
        steps = config.optimizer.steps
        st.caption(
            f"Every method is measured alike: {steps} steps on reviews at its own learning rate, then "
            "names and general questions. Press Run: the run lands in the table below."
        )


def side_by_side(found: list[MethodSetting]) -> None:
    """One chart, one table, and bytes beside their formulas."""
    st.header("All methods side by side")
    if not found:
        st.caption("No run yet. Run a method above, and its row appears here.")
        return
    measure = st.segmented_control(
        "Compare",
        list(MEASURES),
        format_func=MEASURES.__getitem__,
        default="sentiment",
        required=True,
        key="peft_measure",
        bind="query-params",
    )
    st.markdown(f"**{headline([s for s in found if s.is_recorded] or found, measure)}**")
    figure = trade_off_figure(found, measure)
    st.plotly_chart(figure, width="stretch", key=f"peft_all_{measure}")
    if shipped := record.recorded("methods"):
        st.caption(
            f"{shipped.where} Small marks are their means over seeds, with bars from the lowest seed to "
            f"the highest. Large marks are your runs. Made with `{shipped.command}`."
        )
    st.dataframe(
        side_table(found),
        hide_index=True,
        width="stretch",
        height="content",
        column_config=SIDE_COLUMNS,
    )
    tests = sorted({row.n for s in found for row in s.rows})
    st.caption(
        f"Scores on {' or '.join(map(str, tests))} test examples each: mean, and lowest to highest over "
        "seeds. Memory to train: gradients, optimizer state and activations of the first step."
    )
    table = memory_table(found, model_shape())
    st.subheader("Memory: formula and measurement")
    st.markdown(f"**{memory_finding(table)}**")
    numbers = [name for name in table.columns if "," in name]
    megabytes = st.column_config.NumberColumn(format="%.2f")
    st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        height="content",
        column_config=dict.fromkeys(numbers, megabytes),
    )
    st.caption(
        "MB, in the first step. Formulas: 4 bytes for each gradient, 8 for AdamW’s two moments; "
        "activations by Korthikanti et al. 2022, plus a 16-bit copy of each trained weight where the "
        "model is 16-bit. They are made for a GPT that is trained whole: a frozen matrix need not keep "
        "its inputs, and this model has another MLP."
    )


def folklore(found: list[MethodSetting]) -> None:
    """15 to 20 per cent: a claim beside counts."""
    st.header("Do we typically train 15–20 % of the weights?")
    shape = model_shape()
    rows = share_rows(shape)
    st.markdown(f"**{band_heading(rows, found)}**")
    st.plotly_chart(share_figure(rows, found), width="stretch", key="peft_shares")
    example = MethodConfig()
    knob = METHODS[example.name].knob
    assert knob
    row = rows[rows.method == example.name].iloc[0]
    st.markdown(
        "Each line is what a method’s knob can do, so the share is a choice: LoRA alone goes from "
        f"{100 * row.low:.2g} % (rank {knob.values[0]}) to {100 * row.high:.2g} % (rank "
        f"{knob.values[-1]}) of {shape.title}. It also depends on the model: a matrix grows with the "
        "square of the width, its two thin ones only with the width, so the same rank is a smaller "
        "share of a larger model. So no share is typical (the yellow band is the claim): it takes the "
        "method, its knob and the model to say one."
    )
    rank = st.select_slider(
        "Rank", knob.values, value=knob.usual, key="peft_size_rank", bind="query-params"
    )
    sizes = size_rows(rank)
    st.markdown(f"**{size_heading(sizes, rank)}**")
    st.plotly_chart(size_figure(sizes), width="stretch", key="peft_sizes")
    st.caption("By formula, on q and v of every layer of models whose shapes are published.")


st.title("PEFT families")
st.markdown(
    "Full fine-tuning trains every weight. Parameter-efficient fine-tuning (PEFT) freezes nearly all of "
    "them and trains something small. Choose a method, see what it adds, and run it on the real model."
)
try_it(choose())
settings = method_settings([*recorded_rows(), *own_rows()])
side_by_side(settings)
folklore(settings)
st.header("What would it take?")
calculator()
