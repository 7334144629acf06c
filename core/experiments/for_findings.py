"""Runs that a published finding needs besides those of the lessons (core/findings): more seeds of some adapters,
IA³ on few examples, and every other order of the three tasks of a sequence."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations

from core.config import MethodConfig, RunConfig, default_learning_rate
from core.experiments.collapse import SEQUENCE, collapse, in_sequence
from core.experiments.methods import method_config
from core.experiments.mitigations import LEARNED
from core.experiments.prompting import tuned_config

ADAPTER_WIDTHS = (1, 4, 64)
"""Bottlenecks with all seeds, besides the usual one."""
FEW = (16, 64)
"""Training examples of a run on few."""
ORDERS = tuple(permutations(SEQUENCE))


def few_examples_config(method: str, size: int, *, seed: int = 0) -> RunConfig:
    """As a run of `prompting`, with any method at its own rate."""
    like = tuned_config(LEARNED, "lora", size, seed=seed)
    rate = default_learning_rate(method)
    optimizer = replace(like.optimizer, learning_rate=rate)
    return replace(like, method=MethodConfig(name=method), optimizer=optimizer)


def order_config(order: Sequence[str], *, seed: int = 0) -> RunConfig:
    """Three tasks one after another at the textbook's rate, in any order."""
    return in_sequence(collapse(seed=seed), order)


def configs(seeds: Sequence[int]) -> Iterator[RunConfig]:
    """All that no lesson's collection holds: adapters and orders have their first seed there."""
    for seed in seeds:
        for size in FEW:
            yield few_examples_config("ia3", size, seed=seed)
    for seed in seeds[1:]:
        for width in ADAPTER_WIDTHS:
            yield method_config("adapter", bottleneck=width, seed=seed)
    for seed in seeds[1:]:
        for order in ORDERS:
            if order != SEQUENCE:
                yield order_config(order, seed=seed)
