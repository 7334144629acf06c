"""The settings of a run as widgets whose values live in the URL: a link opens the same settings."""

from collections.abc import Sequence
from contextlib import suppress

import streamlit as st

from core import catalog
from core.config import (
    LLAMA_NAMES,
    ROLES,
    SETTINGS,
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
    default_learning_rate,
    method_title,
)

RATES = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 3e-4, 5e-4, 1e-3, 2e-3, 3e-3, 1e-2)


def decimals(rate: float) -> str:
    """A learning rate as people write it: 0.0003."""
    return f"{rate:.8f}".rstrip("0")


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
    st.caption(_beside_usual(rate, usual))
    return rate


def _beside_usual(rate: float, usual: float) -> str:
    if rate == usual:
        return "The usual rate here for this method."
    times, words = (rate / usual, "the") if rate > usual else (usual / rate, "smaller than the")
    return f"{times:.3g} times {words} usual {decimals(usual)}."


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


def run_settings(data: DataConfig) -> RunConfig:
    """Draw the widgets of method and optimizer and return the config they spell.

    Raises `UserError` for values that do not go together.
    """
    method = st.segmented_control(
        "Method",
        ["lora", "full"],
        format_func=method_title,
        default="lora",
        required=True,
        key="instruction_method",
        bind="query-params",
        help="LoRA trains two small matrices beside some layers; full fine-tuning trains every weight.",
    )
    rate = st.select_slider(
        "Learning rate",
        RATES,
        value=default_learning_rate(method),
        format_func="{:.0e}".format,
        key=f"instruction_rate_{method}",
        bind="query-params",
        help=SETTINGS["optimizer.learning_rate"].help,
    )
    one, two, three = st.columns(3)
    steps = one.number_input(
        "Steps",
        1,
        500,
        20,
        key="instruction_steps",
        bind="query-params",
        help=SETTINGS["optimizer.steps"].help,
    )
    batch_size = two.number_input(
        "Batch size",
        1,
        64,
        8,
        key="instruction_batch_size",
        bind="query-params",
        help=SETTINGS["optimizer.batch_size"].help,
    )
    seed = three.number_input(
        "Seed",
        0,
        9999,
        0,
        key="instruction_seed",
        bind="query-params",
        help=SETTINGS["seed"].help,
    )
    settings = MethodConfig(name=method)
    patience = 0
    with st.expander("More settings"):
        if method == "lora":
            rank = st.select_slider(
                "Rank",
                (1, 2, 4, 8, 16, 32, 64),
                8,
                key="instruction_rank",
                bind="query-params",
                help=SETTINGS["method.rank"].help,
            )
            targets = choose_targets("Target matrices", key="instruction_targets")
            settings = MethodConfig(
                name="lora", rank=rank, alpha=2.0 * rank, target_modules=tuple(targets)
            )
        every = st.number_input(
            "Check every … steps",
            1,
            500,
            10,
            key="instruction_every",
            bind="query-params",
            help="Each check measures validation loss, scores and sample answers; it takes 2 s or so.",
        )
        early = st.toggle(
            "Stop early when the validation loss has not fallen for two checks",
            key="instruction_early",
            bind="query-params",
        )
        patience = 2 if early else 0
        also = st.pills(
            "Score these tasks too",
            [t for t in catalog.TASKS if t != data.task],
            selection_mode="multi",
            key="instruction_also",
            bind="query-params",
            help="Shows what else changed. Each adds some seconds.",
        )
    return RunConfig(
        data=data,
        method=settings,
        optimizer=OptimizerConfig(
            learning_rate=rate, steps=steps, batch_size=batch_size, patience=patience
        ),
        evaluation=EvaluationConfig(tasks=tuple(also), every=every),
        seed=seed,
    )
