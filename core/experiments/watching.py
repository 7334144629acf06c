"""The run of the evaluation lesson: checked often, so that the metric can be seen beside the loss."""

from core.config import DataConfig, EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig

WATCHED_TASKS = ("sentiment", "topic", "summary", "qa")
STEPS, EVERY = 24, 3


def watched_config(task: str, *, seed: int = 0) -> RunConfig:
    """LoRA at a moderate rate, scored on its own task and on one that it does not train."""
    return RunConfig(
        data=DataConfig(task=task),
        method=MethodConfig(name="lora"),
        optimizer=OptimizerConfig(learning_rate=5e-4, steps=STEPS, schedule="linear"),
        evaluation=EvaluationConfig(
            tasks=("names",), every=EVERY, examples=24, final_examples=40, samples=3
        ),
        seed=seed,
    )
