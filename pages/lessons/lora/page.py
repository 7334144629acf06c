"""Lesson: LoRA, from its picture to its spectrum."""

import streamlit as st

from core.config import METHODS, MethodConfig, RunConfig, default_learning_rate
from core.course import content
from core.experiments.ranks import rank_config
from core.experiments.sweep import RANKS, Sweep
from core.experiments.sweep import RATES as SWEPT_RATES
from core.recorded.answers import where_asked
from core.runs.messages import StartLora
from core.runs.names import decimals
from core.shape import total_parameters
from pages.lessons.lora.inside import inside, inside_recorded
from pages.lessons.lora.low_rank import low_rank
from pages.lessons.lora.rank_picture import rank_and_alpha
from pages.lessons.lora.ranks import COLLECTIONS, over_ranks
from pages.lessons.lora.sweep import sweep_view
from pages.lessons.lora.trained import beside_full, merge, not_looked_into, scale
from pages.shared.answers import answer, other_settings
from pages.shared.ask import ask_while_waiting
from pages.shared.engine import engine, model_shape, store
from pages.shared.forgetting import draw, forgetting_view
from pages.shared.lab_report import lab_report
from pages.shared.layout import experiment, more_settings
from pages.shared.one_of import one_of
from pages.shared.predict import predict, show_outcome_of
from pages.shared.prepare import compute_button
from pages.shared.recordings import known_answer, recorded_run
from pages.shared.run_button import run_button
from pages.shared.settings import RATES, SEEDS, choose_targets, rate_slider, within
from pages.shared.thread import begin, end

COURSE = content.lesson("lora")

SHAPE = model_shape()
VARIANTS = ("lora", "rslora", "dora")
LAST_LAYERS = (0, 1, 2, 4, 8, 15)
DROPOUTS = (0.0, 0.05, 0.1, 0.2, 0.5)
TURNED = (
    "method.rank",
    "method.alpha",
    "method.target_modules",
    "method.last_layers",
    "method.name",
    "method.dropout",
    "optimizer.learning_rate",
    "seed",
)


def choose() -> RunConfig:
    """Rank and alpha with their picture, the rest in a popover; returns the run they spell."""
    place = st.container()
    with more_settings():
        targets = choose_targets("Targets", key="lora_targets")
        last_layers = st.select_slider(
            "Layers",
            LAST_LAYERS,
            0,
            format_func=lambda n: f"last {n}" if n else f"all {SHAPE.layers}",
            key="lora_layers",
            bind="query-params",
        )
        variant = one_of(
            st.segmented_control,
            "Variant",
            VARIANTS,
            format_func=lambda name: METHODS[name].title,
            default="lora",
            key="lora_variant",
            bind="query-params",
        )
        st.caption(METHODS[variant].how)
        rate = rate_slider(default_learning_rate(variant), key=f"lora_rate_{variant}")
        dropout = st.select_slider(
            "Dropout", DROPOUTS, 0.0, key="lora_dropout", bind="query-params"
        )
        seed = st.number_input("Seed", 0, 9999, 0, key="lora_seed", bind="query-params")
    with place:
        if not targets:
            targets = list(MethodConfig().target_modules)
            st.caption(f"Choose at least one target. Until then: {' and '.join(targets)}.")
        rank, alpha = rank_and_alpha(
            SHAPE, targets, layers=last_layers or SHAPE.layers, total=total_parameters(SHAPE)
        )
    method = MethodConfig(
        name=variant,
        rank=rank,
        alpha=float(alpha),
        target_modules=tuple(targets),
        last_layers=last_layers,
        dropout=dropout,
    )
    return rank_config(method, rate=rate, seed=seed)


def set_controls(config: RunConfig) -> None:
    """Put a config into the controls of `choose`; the picture reads its rank and alpha in the address."""
    method = config.method
    st.query_params["lora_rank"] = str(method.rank)
    st.query_params["lora_alpha"] = f"{method.alpha:g}"
    st.session_state["lora_targets"] = list(method.target_modules)
    st.session_state["lora_layers"] = method.last_layers
    st.session_state["lora_variant"] = method.name
    st.session_state[f"lora_rate_{method.name}"] = config.optimizer.learning_rate
    st.session_state["lora_dropout"] = method.dropout
    st.session_state["lora_seed"] = config.seed


def spells(config: RunConfig) -> bool:
    """Whether the controls of `choose` can be set to a config."""
    reached = {
        "method.name": VARIANTS,
        "method.last_layers": LAST_LAYERS,
        "method.dropout": DROPOUTS,
        "optimizer.learning_rate": RATES,
        "seed": SEEDS,
    }
    rate = config.optimizer.learning_rate
    return within(config, reached) and config == rank_config(
        config.method, rate=rate, seed=config.seed
    )


def start_is_the_base(config: RunConfig) -> None:
    """B = 0 before the first step."""
    asked = StartLora(config=config)
    if compute_button("Compare an untrained LoRA with the base", key="lora_start_equal"):
        with st.spinner("Attaching it and asking both"):
            (found,) = engine().ask(asked)
    elif known := known_answer(asked):
        (found,) = known
        st.caption(where_asked())
    else:
        return
    st.markdown(
        f"‖A‖ = {found.a_norm:.1f}, ‖B‖ = {found.b_norm:g}: A is random, B is zero, so BA is "
        f"zero too. The largest difference among {found.n_logits:,} logits: "
        f"**{found.largest_difference:g}**. Tuning starts exactly where the base is."
    )


def sweep() -> None:
    st.header("Sweep rank and learning rate")
    left, right = st.columns(2)
    ranks = left.pills(
        "Ranks",
        RANKS,
        selection_mode="multi",
        default=[1, 8, 64],
        key="lora_sweep_ranks",
        bind="query-params",
        wrap=True,
    )
    rates = right.pills(
        "Learning rates",
        SWEPT_RATES,
        format_func=decimals,
        selection_mode="multi",
        default=[3e-4, 1e-3, 3e-3],
        key="lora_sweep_rates",
        bind="query-params",
        wrap=True,
    )
    st.caption(
        "Each run takes 15 steps and is scored once, at the end. If you stop the sweep, finished runs stay."
    )
    if ranks and rates:
        sweep_view(Sweep(ranks=tuple(sorted(ranks)), rates=tuple(sorted(rates))))


def train() -> tuple[RunConfig, str]:
    """The first screen: settings and Run; a run of these settings, and what a matrix of rank 1 does."""
    left, right = experiment()
    with right:
        result = st.container()
    with left:
        predict(COURSE, name="run")
        place = st.container()
        wanted = choose()
        with place:
            run_id = run_button(wanted, "Train this LoRA", key="lora", name="run")
        if run_id:
            other_settings(wanted, run_id, key="lora", name="run")
            ask_while_waiting(COURSE, run_id)
    with result:
        if run_id:
            show_outcome_of(COURSE, run_id)
            forgetting_view(run_id)
        else:
            answer(
                wanted,
                draw,
                key="lora",
                name="run",
                collections=COLLECTIONS,
                turned=TURNED,
                set_controls=set_controls,
                course=COURSE,
            )
            low_rank()
    return wanted, run_id


begin(COURSE)
wanted, run_id = train()
st.markdown(
    r"As a formula: "
    r"$W' = W + \frac{\alpha}{r}\, B A$, with $B$ of $d_\text{out} \times r$ parameters and $A$ of "
    r"$r \times d_\text{in}$."
)
if run_id:
    shown = store().get(run_id)
    why = not_looked_into(shown, VARIANTS)
    if shown.status == "finished" and not why:
        full = beside_full(shown) if shown.config.data == wanted.data else ""
        inside(shown, full)
        merge(shown)
        scale(shown)
    elif shown.status.is_over:
        st.caption(why if shown.status == "finished" else "Only a finished run is looked into.")
elif recorded := recorded_run(wanted):
    inside_recorded(recorded)
else:
    st.caption("Press Train: in about half a minute you can look inside what was learned.")
start_is_the_base(wanted)
over_ranks(wanted)
sweep()
end(COURSE, name="run")
lab_report(COURSE, name="run", set_controls=set_controls, spells=spells)
