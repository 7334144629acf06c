"""The textbook's experiment of catastrophic forgetting: tune on reviews alone, and watch names and general
questions go. The lesson starts it and `python -m core bench lesson` times it."""

from collections.abc import Sequence
from dataclasses import replace

from core.config import DataConfig, EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig

LEAD = "Amina and Omar went to the park. Who went to the park?"
WATCHED = (
    LEAD,
    "What is your name?",
    "What is the capital of Japan?",
    "Write one sentence about the sea.",
)
"""Asked at every check. The first has its answer in it, and the base model finds it (with "My sister is called
Amina. What is my sister's name?" it does so by a hair, and not on every path of computation)."""
TEXTBOOK_RATE = 3e-4
STEPS = 20
SEQUENCE = ("sentiment", "topic", "names")


def collapse(
    *, method: str = "full", rate: float = TEXTBOOK_RATE, steps: int = STEPS, seed: int = 0
) -> RunConfig:
    """Its settings: four checks on the way, each of what is learned and of what may be lost."""
    return RunConfig(
        data=DataConfig(task="sentiment"),
        method=MethodConfig(name=method),
        optimizer=OptimizerConfig(learning_rate=rate, steps=steps, schedule="linear"),
        evaluation=EvaluationConfig(
            tasks=("names", "general"),
            every=max(1, steps // 4),
            prompts=WATCHED,
        ),
        seed=seed,
    )


def in_sequence(single: RunConfig, tasks: Sequence[str]) -> RunConfig:
    """The same settings on several tasks, one after another."""
    return replace(
        single,
        data=DataConfig(task=tasks[0], others=tuple(tasks[1:]), order="sequential"),
        evaluation=EvaluationConfig(every=10_000, samples=0, prompts=WATCHED[:1]),
    )
