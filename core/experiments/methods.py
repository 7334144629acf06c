"""Every tuning method on one task, measured alike: the runs behind the table of the PEFT lesson."""

from collections.abc import Iterator, Sequence
from typing import Any

from core.config import (
    METHODS,
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
    check_choice,
    default_learning_rate,
)
from core.experiments.mitigations import KEPT, LEARNED, PROMPTS


def method_config(method: str, *, seed: int = 0, **knobs: Any) -> RunConfig:
    """Tune on sentiment with `method` at its own rate, and ask for names and general questions.

    `knobs` are fields of `MethodConfig`, such as rank=4.
    """
    return RunConfig(
        data=DataConfig(task=LEARNED),
        method=MethodConfig(name=method, **knobs),
        optimizer=OptimizerConfig(learning_rate=default_learning_rate(method), schedule="linear"),
        evaluation=EvaluationConfig(
            tasks=(KEPT, "general"),
            every=10,
            samples=2,
            prompts=PROMPTS,
        ),
        seed=seed,
    )


def usual_config(method: str, *, seed: int = 0) -> RunConfig:
    """The same at the usual value of the method's knob, such as rank 8, where it has one."""
    knob = METHODS[method].knob
    settings = METHODS[method].knob_settings(knob.usual) if knob else {}
    return method_config(method, seed=seed, **settings)


def recorded_configs(methods: Sequence[str], seeds: Sequence[int]) -> Iterator[RunConfig]:
    """The methods asked for, or all, seed by seed, so that an early stop leaves whole seeds."""
    for method in methods:
        check_choice("The method", method, METHODS)
    for seed in seeds:
        for method in methods or METHODS:
            yield method_config(method, seed=seed)
