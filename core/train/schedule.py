"""The learning rate over the steps of a run."""

import math

from core.config import OptimizerConfig


def learning_rate(step: int, config: OptimizerConfig) -> float:
    """The rate of step 1, 2, …: linear warm-up to the peak, then constant, linear or cosine decay.

    >>> learning_rate(1, OptimizerConfig(learning_rate=0.1, warmup_steps=2, steps=4))
    0.05
    """
    warmup = min(config.warmup_steps, config.steps)
    if step <= warmup:
        return config.learning_rate * step / warmup
    left = 1 - (step - warmup) / (config.steps - warmup + 1)
    shape = {
        "constant": 1.0,
        "linear": left,
        "cosine": (1 - math.cos(math.pi * left)) / 2,
    }
    return config.learning_rate * shape[config.schedule]
