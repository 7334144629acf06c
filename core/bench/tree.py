"""A batch as a tree, for counting and for drawing. Imports no torch.

`core.models.trie` builds the same tree node by node for training; here a stretch of tokens without a
fork is one segment (tests/core/bench/test_tree.py holds the two equal).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from core.data.encode import Encoded


@dataclass
class Segment:
    """Tokens that the same examples share, up to where those examples part or end."""

    ids: list[int]
    start: int
    """Position of the first of them."""
    examples: list[int]
    """Numbers of the examples that go through it."""
    children: list["Segment"] = field(default_factory=list["Segment"])

    def walk(self) -> Iterator["Segment"]:
        """This segment and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a batch asks to be computed."""

    nodes: int
    """Distinct prefix tokens: each is computed once."""
    attended: int
    """Pairs of a node and a node it attends to, itself included."""
    predicting: int
    """Nodes whose output predicts a completion token."""
    tokens: int
    """Tokens fed in by all examples, without padding."""
    padded: int
    """Tokens that a padded batch computes."""


def grow(sequences: Sequence[Sequence[int]]) -> list[Segment]:
    """The roots of the tree of all sequences (one, where all begin alike)."""
    return _split(sequences, list(range(len(sequences))), 0)


def _split(sequences: Sequence[Sequence[int]], members: list[int], start: int) -> list[Segment]:
    by_token: dict[int, list[int]] = {}
    for number in members:
        if len(sequences[number]) > start:
            by_token.setdefault(sequences[number][start], []).append(number)
    found: list[Segment] = []
    for group in by_token.values():
        members_of_it = [sequences[number] for number in group]
        first, end = members_of_it[0], start + 1
        shortest = min(map(len, members_of_it))
        while end < shortest and all(s[end] == first[end] for s in members_of_it):
            end += 1
        segment = Segment(list(first[start:end]), start, group)
        segment.children = _split(sequences, group, end)
        found.append(segment)
    return found


def fed(pair: Encoded) -> list[int]:
    """What the model reads of a pair: all but its last token, which predicts nothing."""
    return pair.ids[:-1]


def count(batch: Sequence[Encoded]) -> Counts:
    sequences = [fed(pair) for pair in batch]
    segments = [s for root in grow(sequences) for s in root.walk()]
    lengths = [len(pair.ids) for pair in batch]
    return Counts(
        nodes=sum(len(s.ids) for s in segments),
        attended=sum(s.start + n + 1 for s in segments for n in range(len(s.ids))),
        predicting=len(_predicting(batch)),
        tokens=sum(lengths),
        padded=max(lengths) * len(batch),
    )


def _predicting(batch: Sequence[Encoded]) -> set[tuple[int, ...]]:
    """Distinct prefixes that a completion token follows."""
    return {
        tuple(pair.ids[: len(pair.prompt_ids) + n])
        for pair in batch
        for n in range(len(pair.completion_ids))
    }
