"""The runs of the LoRA lesson, and what they measured over the rank: learned, kept, seconds."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from core import catalog
from core.config import (
    METHODS,
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
    default_learning_rate,
)
from core.data.examples import task_examples
from core.evaluate.uncertainty import wilson_interval
from core.experiments.mitigations import KEPT, LEARNED
from core.runs.store import RunSummary

STEPS = 20


def rank_config(method: MethodConfig, *, rate: float, seed: int = 0) -> RunConfig:
    """Tune on sentiment with `method` at learning rate `rate`, and ask for names before and after."""
    return RunConfig(
        data=DataConfig(task=LEARNED),
        method=method,
        optimizer=OptimizerConfig(learning_rate=rate, steps=STEPS, schedule="linear"),
        evaluation=EvaluationConfig(tasks=(KEPT,), every=10, samples=2),
        seed=seed,
    )


def full_config(config: RunConfig) -> RunConfig:
    """Full fine-tuning on the same data with the same seed, at its own rate."""
    return rank_config(
        MethodConfig(name="full"), rate=default_learning_rate("full"), seed=config.seed
    )


@dataclass(frozen=True, kw_only=True)
class RankRow:
    """What one finished run of the LoRA family measured."""

    method: MethodConfig
    rate: float
    """Peak learning rate."""
    seed: int
    learned: float
    """Sentiment score at the end, 0 to 1."""
    kept: float
    """Names score at the end, 0 to 1."""
    train_s: float
    """Seconds in optimizer steps."""
    n: int
    """Test examples of each score; 0 is all."""
    run_id: str = ""

    @property
    def learned_interval(self) -> tuple[float, float]:
        """95 % interval of `learned`, a share of right answers, over test examples."""
        n = self.n or len(task_examples(LEARNED, "test"))
        return wilson_interval(round(self.learned * n), n)

    def differs_in_rank_alone(self, method: MethodConfig, *, rate: float) -> bool:
        """Whether the run is one of `method` at `rate`, but for its rank and seed."""
        return replace(self.method, rank=method.rank) == method and self.rate == rate


def rank_row(run: RunConfig | None, summary: RunSummary, *, run_id: str = "") -> RankRow | None:
    """A finished run's row; None for another model, task, method or number of steps, or with a cure."""
    scores = summary.scores
    if run is None or not _is_comparable(run) or not {LEARNED, KEPT} <= scores.keys():
        return None
    return RankRow(
        method=run.method,
        rate=run.optimizer.learning_rate,
        seed=run.seed,
        learned=scores[LEARNED],
        kept=scores[KEPT],
        train_s=summary.train_s,
        n=run.evaluation.final_examples,
        run_id=run_id,
    )


def _is_comparable(run: RunConfig) -> bool:
    usual = rank_config(run.method, rate=run.optimizer.learning_rate)
    return (
        run.model == catalog.DEFAULT_MODEL
        and METHODS[run.method.name].low_rank
        and run.data == usual.data
        and run.cure == usual.cure
        and run.optimizer == usual.optimizer
    )


def ranks_of(rows: Iterable[RankRow]) -> list[int]:
    """The ranks that were run, each once, from low to high."""
    return sorted({row.method.rank for row in rows})
