"""The settings of a run of this lesson: the rate in sight, the rest in a popover; values live in the URL."""

from dataclasses import replace

import streamlit as st

from core import catalog
from core.config import (
    SETTINGS,
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
    default_learning_rate,
    method_title,
)
from pages.shared.layout import more_settings
from pages.shared.one_of import one_of
from pages.shared.settings import RATES, choose_targets, rate_slider, within

METHODS = ("full", "lora")
RANKS = (1, 2, 4, 8, 16, 32, 64)
NUMBERS = (
    ("optimizer.steps", "Steps", 1, 500, 20),
    ("optimizer.batch_size", "Batch size", 1, 64, 8),
    ("seed", "Seed", 0, 9999, 0),
)
"""Path, title, lowest, highest and usual value."""


def run_settings(data: DataConfig) -> RunConfig:
    """Draw the widgets of method and optimizer and return the config they spell.

    Raises `UserError` for values that do not go together.
    """
    place = st.container()
    with more_settings():
        method = one_of(
            st.segmented_control,
            "Method",
            METHODS,
            format_func=method_title,
            default="full",
            key="instruction_method",
            bind="query-params",
            help="Full fine-tuning trains every weight; LoRA trains two small matrices beside some layers.",
        )
        steps, batch_size, seed = _numbers()
        settings = _method_settings(method)
        evaluation, patience = _evaluation(data)
    with place:
        rate = rate_slider(default_learning_rate(method), key=f"instruction_rate_{method}")
    return RunConfig(
        data=data,
        method=settings,
        optimizer=OptimizerConfig(
            learning_rate=rate, steps=steps, batch_size=batch_size, patience=patience
        ),
        evaluation=evaluation,
        seed=seed,
    )


def _numbers() -> tuple[int, int, int]:
    """Steps, batch size and seed."""
    steps, batch_size, seed = (
        column.number_input(
            title,
            low,
            high,
            usual,
            key=f"instruction_{path.rpartition('.')[2]}",
            bind="query-params",
            help=SETTINGS[path].help,
        )
        for column, (path, title, low, high, usual) in zip(st.columns(3), NUMBERS, strict=True)
    )
    return steps, batch_size, seed


def _method_settings(method: str) -> MethodConfig:
    if method != "lora":
        return MethodConfig(name=method)
    rank = st.select_slider(
        "Rank",
        RANKS,
        8,
        key="instruction_rank",
        bind="query-params",
        help=SETTINGS["method.rank"].help,
    )
    targets = choose_targets("Target matrices", key="instruction_targets")
    return MethodConfig(name="lora", rank=rank, alpha=2.0 * rank, target_modules=tuple(targets))


def _evaluation(data: DataConfig) -> tuple[EvaluationConfig, int]:
    """What is measured while training, and the patience of early stopping."""
    every = st.number_input(
        "Check every … steps",
        1,
        500,
        10,
        key="instruction_every",
        bind="query-params",
        help="Each check measures validation loss, scores and sample answers.",
    )
    early = st.toggle(
        "Stop early when the validation loss has not fallen for two checks",
        key="instruction_early",
        bind="query-params",
        help="A guard against overfitting: learning the training pairs by heart.",
    )
    also = st.pills(
        "Score these tasks too",
        [t for t in catalog.TASKS if t != data.task],
        selection_mode="multi",
        key="instruction_also",
        bind="query-params",
        help="Shows what else changed. Each adds some seconds.",
    )
    return EvaluationConfig(tasks=tuple(also), every=every), 2 if early else 0


def spells(config: RunConfig) -> bool:
    """Whether the widgets of the lesson can be set to a config."""
    reached = {
        "data.task": tuple(catalog.TASKS),
        "data.others": ((),),
        "method.name": METHODS,
        "method.rank": RANKS,
        "optimizer.learning_rate": RATES,
        "optimizer.patience": (0, 2),
        "evaluation.every": range(1, 501),
        **{path: range(low, high + 1) for path, _, low, high, _ in NUMBERS},
    }
    data, method, optimizer = config.data, config.method, config.optimizer
    if not within(config, reached) or data.validation_share > 0.5:
        return False
    settings = MethodConfig(name=method.name)
    if method.name == "lora":
        targets = method.target_modules
        settings = replace(
            settings, rank=method.rank, alpha=2.0 * method.rank, target_modules=targets
        )
    return config == RunConfig(
        data=data,
        method=settings,
        optimizer=OptimizerConfig(
            learning_rate=optimizer.learning_rate,
            steps=optimizer.steps,
            batch_size=optimizer.batch_size,
            patience=optimizer.patience,
        ),
        evaluation=EvaluationConfig(tasks=config.evaluation.tasks, every=config.evaluation.every),
        seed=config.seed,
    )


def set_controls(config: RunConfig) -> None:
    """Put a config of a built-in task into the widgets of the lesson."""
    method, task = config.method, config.data.task
    values: dict[str, str | float | list[str]] = {
        "task": task,
        f"template_{task}": config.data.template or catalog.find_task(task).template,
        "validation": config.data.validation_share,
        "train_examples": config.data.train_examples,
        "method": method.name,
        f"rate_{method.name}": config.optimizer.learning_rate,
        "steps": config.optimizer.steps,
        "batch_size": config.optimizer.batch_size,
        "seed": config.seed,
        "every": config.evaluation.every,
        "early": config.optimizer.patience > 0,
        "also": list(config.evaluation.tasks),
    }
    if method.name == "lora":
        values |= {"rank": method.rank, "targets": list(method.target_modules)}
    for name, value in values.items():
        st.session_state[f"instruction_{name}"] = value
