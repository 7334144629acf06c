"""Which examples each step sees: epochs of seeded shuffles, cut into batches."""

import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def batches(pairs: Sequence[T], size: int, *, seed: int) -> Iterator[list[T]]:
    """Endless batches of `size`; every pair is seen once before any is seen again."""
    return mixed_batches([pairs], [1.0], size, seed=seed)


def mixed_batches(
    pools: Sequence[Sequence[T]], weights: Sequence[float], size: int, *, seed: int
) -> Iterator[list[T]]:
    """Endless batches in which each pool has its share, by `weights`.

    The shares are exact: after k examples, a pool with weight w has given w·k examples, give or take
    one. (A draw by chance would not be: 20 % of 160 examples has a standard deviation of 5.)
    """
    total = sum(weights)
    shares = [weight / total for weight in weights]
    supplies = [_epochs(pool, f"batches {seed}{n or ''}") for n, pool in enumerate(pools)]
    taken = [0] * len(pools)
    n_given = 0
    while True:
        batch: list[T] = []
        for _ in range(size):
            n_given += 1
            owed = [share * n_given - n for share, n in zip(shares, taken, strict=True)]
            which = owed.index(max(owed))
            taken[which] += 1
            batch.append(next(supplies[which]))
        yield batch


def _epochs(pool: Sequence[T], seed: str) -> Iterator[T]:
    rng = random.Random(seed)
    while True:
        epoch = list(pool)
        rng.shuffle(epoch)
        yield from epoch
