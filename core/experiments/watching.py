"""The run of the evaluation lesson: checked often, so that the metric can be seen beside the loss."""

from core import catalog
from core.config import DataConfig, EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig

WATCHED_TASKS = ("sentiment", "topic", "summary", "qa")
STEPS = 24
LONG_ANSWER = 16
"""Tasks with longer answers, in tokens, are checked less often: answering takes most of the time."""


def watched_config(task: str, *, seed: int = 0) -> RunConfig:
    """LoRA at a moderate rate, scored on its own task and on one that it does not train."""
    is_long = catalog.find_task(task).max_new_tokens > LONG_ANSWER
    return RunConfig(
        data=DataConfig(task=task),
        method=MethodConfig(name="lora"),
        optimizer=OptimizerConfig(learning_rate=5e-4, steps=STEPS, schedule="linear"),
        evaluation=EvaluationConfig(
            tasks=("names",),
            every=6 if is_long else 3,
            samples=3,
        ),
        seed=seed,
    )
