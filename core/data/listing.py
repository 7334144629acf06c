"""Lines and pairs named in a sentence: "lines 1, 4 and 9", at most ten of them."""

from collections.abc import Sequence

MOST_NAMED = 10


def join(parts: Sequence[str]) -> str:
    """
    >>> join(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def first_few(parts: Sequence[str]) -> str:
    """All parts, or the first ten and how many more there are."""
    more = len(parts) - MOST_NAMED
    return join([*parts[:MOST_NAMED], f"{more} more"] if more > 0 else parts)


def name_lines(numbers: Sequence[int], word: str = "line") -> str:
    """
    >>> name_lines([3]), name_lines([3, 5], "pair")
    ('line 3', 'pairs 3 and 5')
    """
    return f"{word}{'s' if len(numbers) > 1 else ''} {first_few([str(n) for n in numbers])}"


def count(n: int, word: str) -> str:
    """
    >>> count(1, "pair"), count(1200, "pair")
    ('1 pair', '1,200 pairs')
    """
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def seen_words(seen: int, n_train: int) -> str:
    """How many examples training has seen, of how many there are.

    >>> seen_words(160, 395), seen_words(160, 16)
    ('160 of 395 training examples seen', '160 examples seen: each of the 16 about 10 times')
    """
    if seen <= n_train:
        return f"{seen:,} of {n_train:,} training examples seen"
    return f"{seen:,} examples seen: each of the {n_train:,} about {seen / n_train:.3g} times"
