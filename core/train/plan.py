"""What a run trains on, in which order, and what it watches: from a RunConfig to encoded pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from core.config import EARLIER, RunConfig
from core.data.encode import Encoded, encode
from core.data.example import Example
from core.data.run_data import load_run_data
from core.data.tokenizer import ChatTokenizer
from core.train.batches import mixed_batches

VALIDATION_PAIRS = 16
"""Validation pairs used at each check; more would slow a lesson and move the mean little."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stretch of training: pools of pairs, each with its weight in every batch."""

    task: str
    pools: Sequence[Sequence[Encoded]]
    weights: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Plan:
    stages: list[Stage]
    """One, or with sequential tasks one for each."""
    n_train: int
    validation: list[Encoded]
    """Kept out of training; of each task the same number."""
    tests: dict[str, list[Example]]
    """Test examples of every task that is scored, trained ones first."""
    notes: list[str]
    """What the reader should know of the data, in plain sentences."""


def make_plan(config: RunConfig, tokenizer: ChatTokenizer) -> Plan:
    """Load, split and encode everything a run needs.

    Raises `UserError` for data that cannot be used.
    """
    data = load_run_data(config, tokenizer)
    pools = {task: _encoded(found.train, tokenizer) for task, found in data.splits.items()}
    each = VALIDATION_PAIRS // len(pools)
    watched = [example for found in data.splits.values() for example in found.validation[:each]]
    return Plan(
        stages=_stages(config, pools, _encoded(data.rehearsed, tokenizer)),
        n_train=sum(map(len, pools.values())),
        validation=_encoded(watched, tokenizer),
        tests=data.tests,
        notes=data.notes,
    )


def _encoded(examples: Sequence[Example], tokenizer: ChatTokenizer) -> list[Encoded]:
    return [encode(example, tokenizer) for example in examples]


def _stages(
    config: RunConfig, pools: dict[str, list[Encoded]], rehearsed: list[Encoded]
) -> list[Stage]:
    share, old = config.cure.rehearse_share, [rehearsed] if rehearsed else []
    if config.data.order == "mixed" or not config.data.others:
        weights = config.data.weights or (1.0,) * len(pools)
        return [_stage(config.data.task, list(pools.values()), weights, old, share)]
    stages: list[Stage] = []
    for task, pool in pools.items():
        stages.append(_stage(task, [pool], [1.0], old, share))
        if config.cure.rehearse == EARLIER:
            old = [*old, pool]
    return stages


def _stage(
    task: str,
    new: list[list[Encoded]],
    weights: Sequence[float],
    old: list[list[Encoded]],
    share: float,
) -> Stage:
    """The new pools by their weights, and `share` of all taken from the old ones in equal parts."""
    if not old:
        return Stage(task=task, pools=new, weights=weights)
    kept = [(1 - share) * weight / sum(weights) for weight in weights]
    return Stage(task=task, pools=new + old, weights=[*kept, *[share / len(old)] * len(old)])


def make_batches(config: RunConfig, tokenizer: ChatTokenizer) -> list[list[Encoded]]:
    """The very batches, in their order, that `core.train` takes for a config."""
    return batches_of(make_plan(config, tokenizer), config)


def batches_of(plan: Plan, config: RunConfig) -> list[list[Encoded]]:
    stage, wanted = plan.stages[0], config.optimizer
    supply = mixed_batches(stage.pools, stage.weights, wanted.batch_size, seed=config.seed)
    return list(islice(supply, wanted.steps))
