"""Lesson: LoRA, from its picture to its spectrum."""

import streamlit as st

from core.config import METHODS, MethodConfig, RunConfig, default_learning_rate
from core.course import content
from core.experiments.mitigations import PROMPTS
from core.experiments.ranks import RankRow, full_config, rank_config, rank_row
from core.experiments.sweep import RANKS, RATES, Sweep
from core.generate.settings import SamplingSettings
from core.recorded import collection
from core.recorded.answers import where_asked
from core.runs.messages import Generate, Merge, StartLora
from core.runs.names import decimals
from core.runs.store import Run
from core.shape import total_parameters
from pages.lessons.lora.inside import (
    about_merging,
    inside,
    inside_recorded,
    show_merged,
)
from pages.lessons.lora.low_rank import low_rank
from pages.lessons.lora.matrices import rank_figures, rank_finding, scale_table
from pages.lessons.lora.rank_picture import rank_and_alpha
from pages.lessons.lora.sweep import sweep_view
from pages.shared.answers import answer, other_settings
from pages.shared.ask import ask_while_waiting
from pages.shared.engine import (
    ask_once,
    current_model,
    engine,
    model_shape,
    store,
)
from pages.shared.forgetting import draw, forgetting_view
from pages.shared.lab_report import lab_report
from pages.shared.layout import experiment, more_settings
from pages.shared.plain import quoted
from pages.shared.predict import predict, show_outcome_of
from pages.shared.prepare import compute_button
from pages.shared.recordings import known_answer, recorded_run
from pages.shared.run_button import run_button
from pages.shared.settings import choose_targets, rate_slider
from pages.shared.thread import begin, end

COURSE = content.lesson("lora")

SHAPE = model_shape()
VARIANTS = ("lora", "rslora", "dora")
LAST_LAYERS = (0, 1, 2, 4, 8, 15)
COLLECTIONS = ("ranks", "targets")
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
        variant = st.segmented_control(
            "Variant",
            VARIANTS,
            format_func=lambda name: METHODS[name].title,
            default="lora",
            required=True,
            key="lora_variant",
            bind="query-params",
        )
        st.caption(METHODS[variant].how)
        rate = rate_slider(default_learning_rate(variant), key=f"lora_rate_{variant}")
        dropout = st.select_slider(
            "Dropout", (0.0, 0.05, 0.1, 0.2, 0.5), 0.0, key="lora_dropout", bind="query-params"
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


def not_looked_into(run: Run) -> str:
    """Why a finished run has nothing for the rest of this page; "" where it has."""
    if run.config.model != current_model().id:
        return (
            f"This run tuned another model, {run.config.model}, which this page cannot look into."
        )
    if run.config.method.name not in VARIANTS:
        return "This is not a LoRA run, so there is no pair of matrices to look at."
    return ""


def beside_full(run: Run) -> str:
    """Full fine-tuning on the same data, for its spectrum; returns its run, or ""."""
    st.markdown("How low-rank is the change that **full fine-tuning** makes on the same reviews?")
    full_id = run_button(
        full_config(run.config), "Train full fine-tuning", key="lora_full", name="full"
    )
    if full_id and not store().get(full_id).status.is_over:
        forgetting_view(full_id)
    return full_id


def merge(run: Run) -> None:
    about_merging()
    if compute_button("Merge and unmerge", key="lora_merge"):
        with st.spinner("Merging and taking it out again, in two precisions"):
            found = ask_once(Merge(run=run.id, prompts=PROMPTS))
        show_merged(found)


def scale(run: Run) -> None:
    st.header("Turn it up and down")
    st.latex(r"W' = W + s \cdot \frac{\alpha}{r}\, B A")
    if not METHODS[run.config.method.name].is_scalable:
        st.caption(
            "DoRA also trains the lengths of the weight vectors, so it has no such scale. Train LoRA or rsLoRA "
            "to try it."
        )
        return
    left, right = st.columns(2)
    s = left.slider("Scale s", -1.0, 2.0, 1.0, 0.25, key="lora_scale")
    text = right.text_input("Prompt", PROMPTS[0], key="lora_scale_prompt")
    answers = st.session_state.setdefault("lora_scaled", {}).setdefault((run.id, text), {})
    if compute_button("Ask at this scale", key="lora_scale_ask", is_primary=True):
        place = st.empty()
        asked = Generate(
            model=run.config.model,
            text=text,
            run=run.id,
            scale=s,
            settings=SamplingSettings(max_new_tokens=30),
        )
        for message in engine().ask(asked):
            answers[s] = message.token.text
            place.markdown(quoted(message.token.text))
    if answers:
        st.dataframe(scale_table(answers), hide_index=True, width="stretch")
        st.caption(
            "0 is the base model, 1 the model as trained; below 0 it moves away from what it learned."
        )


def over_ranks(wanted: RunConfig) -> None:
    """The runs, recorded and the reader's, that differ from the settings above in rank and seed alone, or all."""
    st.header("What does more rank buy?")
    recorded, own = recorded_rows(), own_rows()
    found = [*recorded, *own]
    if not found:
        st.caption("Your LoRA runs collect here. Train one above, then another rank.")
        return
    rate = wanted.optimizer.learning_rate
    alike = [row for row in found if row.differs_in_rank_alone(wanted.method, rate=rate)]
    every = st.toggle(
        f"Also show runs with other settings ({len(found) - len(alike)})",
        not alike,
        key="lora_ranks_every",
    )
    shown = found if every else alike
    if not shown:
        st.caption("No run yet with the settings above. Train one.")
        return
    st.markdown(f"**{rank_finding(shown)}**")
    for number, (place, figure) in enumerate(zip(st.columns(3), rank_figures(shown), strict=True)):
        place.plotly_chart(figure, width="stretch", key=f"lora_ranks_{number}")
    tests = ", ".join(map(str, sorted({row.n for row in shown})))
    n_own = sum(bool(row.run_id) for row in shown)
    st.caption(
        f"Each mark is a run, scored on {tests} test examples; hover for its settings. {n_own} of the "
        f"{len(shown)} are yours"
        + (
            ", the others came with the app; their seconds are those of the machine that recorded them."
            if n_own < len(shown)
            else "."
        )
    )


@st.cache_data(show_spinner=False)
def recorded_rows() -> list[RankRow]:
    """The runs that come with the app."""
    runs = [run for name in COLLECTIONS for run in collection(name).runs]
    rows = (rank_row(run.valid_config, run.summary) for run in runs)
    return [row for row in rows if row]


def own_rows() -> list[RankRow]:
    ended = [run for run in store().runs() if run.status == "finished"]
    rows = (rank_row(run.valid_config, run.summary, run_id=run.id) for run in ended)
    return [row for row in rows if row]


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
        RATES,
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
    why = not_looked_into(shown)
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
lab_report(COURSE, name="run", set_controls=set_controls)
