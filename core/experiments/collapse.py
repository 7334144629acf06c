"""The textbook's experiment of catastrophic forgetting: tune on reviews alone, and watch names and general
questions go. The lesson starts it and `python -m core bench lesson` times it."""

from core.config import DataConfig, EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig

WATCHED = (
    "What is your name?",
    "What is the capital of Japan?",
    "My sister is called Amina. What is my sister's name?",
    "Write one sentence about the sea.",
)
TEXTBOOK_RATE = 3e-4
STEPS = 20


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
