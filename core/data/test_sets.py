"""Which test examples are scored: the same ones wherever a task is scored. Imports no torch.

A task's test examples are put in an order once: shuffled with a fixed seed, and so that each label (or kind of
question) has its share of every beginning of the list. The sets are beginnings of that list:

    live   the first 12, at the checks of a run while it trains: quick, with wide intervals
    final  the first 48, before and after a run, in every experiment and comparison

So the live set is part of the final one, before and after are scored on the same examples, and the base model
has one score on a task, on every page. The whole test file is scored only where somebody asks for it.
"""

import random
from collections.abc import Sequence

from core.config import FINAL_EXAMPLES
from core.data.example import Example
from core.data.examples import task_examples

MOST_LABELS = 12
"""More different right answers than these are free text."""


def in_fixed_order(examples: Sequence[Example]) -> list[Example]:
    """Shuffled, always alike, with every group (see `_groups`) spread evenly over the list."""
    placed: list[tuple[float, Example]] = []
    chance = random.Random("test set")
    for group in _groups(examples):
        chance.shuffle(group)
        placed += [((i + chance.random()) / len(group), e) for i, e in enumerate(group)]
    return [example for _, example in sorted(placed, key=lambda one: one[0])]


def _groups(examples: Sequence[Example]) -> list[list[Example]]:
    """Examples of one label, or of one kind (their tags) where answers are free text."""
    has_labels = len({e.completion for e in examples}) <= MOST_LABELS
    groups: dict[str, list[Example]] = {}
    for e in examples:
        groups.setdefault(e.completion if has_labels else " ".join(e.tags), []).append(e)
    return [groups[name] for name in sorted(groups)]


def fixed_set(examples: Sequence[Example], n: int) -> list[Example]:
    """The first `n` in the fixed order, 0 for all: a smaller set is part of each larger one."""
    return in_fixed_order(examples)[: n or None]


def final_set(task: str, *, template: str = "") -> list[Example]:
    """The test examples on which a task of the catalogue is scored."""
    return fixed_set(task_examples(task, "test", template=template), FINAL_EXAMPLES)
