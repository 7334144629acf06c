"""Lesson: the families of parameter-efficient fine-tuning, what each trains, and what it costs."""

from collections.abc import Sequence

import streamlit as st

from core.config import FAMILIES, METHODS, MethodConfig, RunConfig, of_family
from core.course import content
from core.experiments import record
from core.experiments.method_rows import MethodSetting, method_settings
from core.experiments.methods import method_config
from core.formulas.parameters import count, trained_share
from pages.lessons.peft.calculator import calculator
from pages.lessons.peft.memory_table import memory_finding, memory_shown, memory_table
from pages.lessons.peft.pictures import layer_picture
from pages.lessons.peft.shares import (
    band_heading,
    share_figure,
    share_rows,
    size_figure,
    size_heading,
    size_rows,
)
from pages.lessons.peft.shrink import shrink
from pages.lessons.peft.side_by_side import (
    MEASURES,
    SIDE_COLUMNS,
    SIDE_TABLES,
    headline,
    own_rows,
    recorded_rows,
    side_table,
    trade_off_figure,
)
from pages.shared.answers import answer, other_settings
from pages.shared.ask import ask_while_waiting
from pages.shared.engine import model_shape
from pages.shared.forgetting import draw, forgetting_view
from pages.shared.lab_report import lab_report
from pages.shared.layout import experiment, more_settings
from pages.shared.one_of import one_of
from pages.shared.predict import is_locked, predict, show_outcome_of
from pages.shared.run_button import run_button
from pages.shared.settings import SEEDS
from pages.shared.thread import begin, end

COURSE = content.lesson("peft")


def by_share() -> list[str]:
    """The families, from all weights trained to hardly any: by the first method of each."""
    shape = model_shape()
    return sorted(
        FAMILIES,
        key=lambda family: trained_share(MethodConfig(name=of_family(family)[0]), shape),
        reverse=True,
    )


def choose() -> MethodConfig:
    """A family, a method of it, and its knob."""
    families = by_share()
    family = st.select_slider(
        "Family, from all weights to hardly any",
        families,
        value="reparameterization",
        format_func=lambda family: FAMILIES[family].title,
        key="peft_family",
        bind="query-params",
    )
    st.caption(FAMILIES[family].how)
    methods = of_family(family)
    method = methods[0]
    if len(methods) > 1:
        method = one_of(
            st.pills,
            "Method",
            methods,
            format_func=lambda method: METHODS[method].title,
            default=methods[0],
            key=f"peft_method_{family.split()[0]}",
            bind="query-params",
            wrap=True,
        )
    knob = METHODS[method].knob
    if knob is None:
        return MethodConfig(name=method)
    value = st.select_slider(
        knob.words.capitalize(),
        knob.values,
        value=knob.usual,
        key=f"peft_{method}",
        bind="query-params",
    )
    return MethodConfig(name=method, **knob.settings(value))


def what_it_adds(config: MethodConfig) -> None:
    """The method's formula, its count, and its place in a decoder layer."""
    card, shape = METHODS[config.name], model_shape()
    st.header(f"{card.title} in a decoder layer")
    left, right = st.columns([2, 3])
    with right:
        st.markdown(f"{card.how} {card.adds}")
        st.latex(card.formula)
        st.caption(card.paper)
        found = count(config, shape)
        st.markdown(f"{found.symbols}  \n= {found.numbers}  \n= {found.n:,} trained parameters")
        st.caption(found.legend)
    with left:
        st.markdown(layer_picture(config, shape), unsafe_allow_html=True)
        st.caption(
            "Blue is trained, grey is frozen. The column on the left shows all decoder layers."
        )


def try_it(found: Sequence[MethodSetting]) -> MethodConfig:
    """The first screen: the method and Run at the left, the network and a run of it at the right."""
    left, right = experiment()
    with left:
        predict(COURSE, name="run")
        place = st.container()
        method = choose()
        rest = st.container()
    with place:
        with rest, more_settings():
            seed = st.number_input("Seed", 0, 9999, 0, key="peft_seed", bind="query-params")
        knob = METHODS[method.name].knob
        settings = knob.settings(getattr(method, knob.field)) if knob else {}
        config = method_config(method.name, seed=seed, **settings)
        run_id = run_button(config, "Run this method", key="peft", name="run")
    if run_id:
        with left:
            other_settings(config, run_id, key="peft", name="run")
            ask_while_waiting(COURSE, run_id)
        with right:
            show_outcome_of(COURSE, run_id)
            forgetting_view(run_id)
        return method
    with right:
        shrink(config, found, told=is_locked(COURSE, "run"))
        answer(
            config,
            draw,
            key="peft",
            name="run",
            collections=("methods",),
            turned=(f"method.{knob.field}" if knob else "method.name", "seed"),
            set_controls=set_controls,
            course=COURSE,
        )
    left.caption(
        f"Every method is measured the same way: {config.optimizer.steps} steps on reviews at its usual "
        "learning rate, then tests on names and general questions."
    )
    return method


def set_controls(config: RunConfig) -> None:
    """Put a config into the controls of `choose`."""
    name = config.method.name
    spec = METHODS[name]
    st.session_state["peft_family"] = spec.family
    st.session_state[f"peft_method_{spec.family.split()[0]}"] = name
    if spec.knob:
        st.session_state[f"peft_{name}"] = getattr(config.method, spec.knob.field)
    st.session_state["peft_seed"] = config.seed


def spells(config: RunConfig) -> bool:
    """Whether the controls of `choose` can be set to a config."""
    method = config.method
    knob = METHODS[method.name].knob
    settings = knob.settings(getattr(method, knob.field)) if knob else {}
    return (
        config.seed in SEEDS
        and (not knob or getattr(method, knob.field) in knob.values)
        and config == method_config(method.name, seed=config.seed, **settings)
    )


def side_by_side(found: list[MethodSetting]) -> None:
    """One chart, one table, and bytes beside their formulas."""
    st.header("All methods side by side")
    if not found:
        st.caption("No run yet. Run a method above, and its row appears here.")
        return
    measure = one_of(
        st.segmented_control,
        "Compare",
        list(MEASURES),
        format_func=MEASURES.__getitem__,
        default="sentiment",
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
    for title, columns in SIDE_TABLES.items():
        st.markdown(f"**{title}**")
        st.dataframe(
            side_table(found),
            hide_index=True,
            width="stretch",
            height="content",
            column_order=columns,
            column_config=SIDE_COLUMNS,
        )
    tests = sorted({row.n for s in found for row in s.rows})
    st.caption(
        f"Scores on {' or '.join(map(str, tests))} test examples each: the mean over seeds, and the range "
        "from the lowest to the highest. Memory in all: frozen and trained weights, gradients, optimizer "
        "state and activations of the first step."
    )
    table = memory_table(found, model_shape())
    st.subheader("Memory: formula and measurement")
    st.markdown(f"**{memory_finding(table)}**")
    st.dataframe(memory_shown(table), hide_index=True, width="stretch", height="content")
    st.caption(
        "MB, in the first step: by formula → measured. Formulas: 4 bytes for each gradient, 8 for AdamW’s two moments; "
        "activations by Korthikanti et al. 2022, plus a 16-bit copy of each trained weight where the "
        "model is 16-bit. They describe a GPT that is trained in full: a frozen matrix need not keep "
        "its inputs, and the MLP of this model is a different one."
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
        "Each line is the range of a method’s setting, so the share is a choice: LoRA alone goes from "
        f"{100 * row.low:.2g} % (rank {knob.values[0]}) to {100 * row.high:.2g} % (rank "
        f"{knob.values[-1]}) of {shape.title}. It also depends on the model: a matrix grows with the "
        "square of the width, its two thin ones only with the width, so the same rank is a smaller "
        "share of a larger model. So no share is typical (the yellow band marks the claim): it depends on the "
        "method, its setting and the model."
    )
    rank = st.select_slider(
        "Rank", knob.values, value=knob.usual, key="peft_size_rank", bind="query-params"
    )
    sizes = size_rows(rank)
    st.markdown(f"**{size_heading(sizes, rank)}**")
    st.plotly_chart(size_figure(sizes), width="stretch", key="peft_sizes")
    st.caption("By formula, on q and v in every layer, for models whose shapes are published.")


begin(COURSE)
settings = method_settings([*recorded_rows(), *own_rows()])
method = try_it(settings)
what_it_adds(method)
side_by_side(settings)
folklore(settings)
st.header("How much memory would it take?")
calculator()
end(COURSE, name="run")
lab_report(COURSE, name="run", set_controls=set_controls, spells=spells)
