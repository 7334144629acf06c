"""Which examples each step sees: epochs of a seeded shuffle, cut into batches."""

import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def batches(pairs: Sequence[T], size: int, *, seed: int) -> Iterator[list[T]]:
    """Endless batches of `size`; every pair is seen once before any is seen again."""
    rng = random.Random(f"batches {seed}")
    waiting: list[T] = []
    while True:
        while len(waiting) < size:
            epoch = list(pairs)
            rng.shuffle(epoch)
            waiting += epoch
        yield waiting[:size]
        waiting = waiting[size:]
