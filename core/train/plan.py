"""What a run trains on, in which order, and what it watches: from a RunConfig to encoded pairs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.config import EARLIER, DataConfig, RunConfig
from core.data.encode import Encoded, encode
from core.data.examples import Example, Splits, load_splits, task_examples
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError

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


def make_plan(config: RunConfig, tokenizer: ChatTokenizer) -> Plan:
    """Load, split and encode everything a run needs.

    Raises `UserError` for data that cannot be used.
    """
    splits = {task: _splits(config, task) for task in config.data.tasks}
    pools = {task: _encoded(found.train, tokenizer) for task, found in splits.items()}
    if not all(pools.values()):
        raise UserError("No training pairs are left after the split; add more data.")
    each = VALIDATION_PAIRS // len(splits)
    watched = [example for found in splits.values() for example in found.validation[:each]]
    tests = {
        task: splits[task].test if task in splits else task_examples(task, "test")
        for task in config.evaluation_tasks()
    }
    return Plan(
        stages=_stages(config, pools, tokenizer),
        n_train=sum(map(len, pools.values())),
        validation=_encoded(watched, tokenizer),
        tests=tests,
    )


def _splits(config: RunConfig, task: str) -> Splits:
    if task == config.data.task:
        return load_splits(config.data, seed=config.seed)
    alone = replace(config.data, task=task, others=(), weights=())
    return load_splits(alone, seed=config.seed)


def _encoded(examples: Sequence[Example], tokenizer: ChatTokenizer) -> list[Encoded]:
    return [encode(example, tokenizer) for example in examples]


def _stages(
    config: RunConfig, pools: dict[str, list[Encoded]], tokenizer: ChatTokenizer
) -> list[Stage]:
    share, rehearsed = config.cure.rehearse_share, config.cure.rehearse
    old: list[list[Encoded]] = []
    if rehearsed and rehearsed != EARLIER:
        splits = load_splits(DataConfig(task=rehearsed), seed=config.seed)
        old = [_encoded(splits.train, tokenizer)]
    if config.data.order == "mixed" or not config.data.others:
        weights = config.data.weights or (1.0,) * len(pools)
        return [_stage(config.data.task, list(pools.values()), weights, old, share)]
    stages: list[Stage] = []
    for task, pool in pools.items():
        stages.append(_stage(task, [pool], [1.0], old, share))
        if rehearsed == EARLIER:
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
