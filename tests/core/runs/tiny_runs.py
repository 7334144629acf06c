"""Short runs of the tests' tiny model."""

from collections.abc import Callable
from pathlib import Path

from core.config import DataConfig, EvaluationConfig, OptimizerConfig, RunConfig
from core.data import uploads


def configs_of(tiny_folder: Path, *, usual_steps: int = 3) -> Callable[..., RunConfig]:
    """Makes settings of unscored runs on pairs that are uploaded now: `make(steps=…, seed=…)`."""
    dataset = uploads.keep([{"prompt": f"cat {i}", "completion": "dog"} for i in range(20)])

    def make(*, steps: int = usual_steps, seed: int = 0) -> RunConfig:
        return RunConfig(
            model=str(tiny_folder.resolve()),
            data=DataConfig(task="custom", dataset=dataset),
            optimizer=OptimizerConfig(steps=steps, batch_size=2),
            evaluation=EvaluationConfig(every=10_000, samples=0),
            seed=seed,
        )

    return make
