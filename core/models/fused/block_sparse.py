"""Block-sparse attention: a tree of tokens cut into blocks of queries, each with its keys.

A node attends to its ancestors only. In the N x N table of a batch most entries are therefore empty:
the examples do not see each other. So the tree is cut into pieces of paths, blocks of at most L nodes,
and each block attends to the K nodes at most that lie on its path from the root:

    "Review:" ── "I" ── "loved" ── "it"     blocks: Review:  I loved it  Bad film
              └─ "Bad" ── "film"            keys of the last: Review: Bad film

On the way from the root, the key at depth j is node j of the path. A query at depth d sees the keys
0 to d, and that is the whole mask.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

SIZES = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""Lengths L that are tried."""


@dataclass(frozen=True)
class Blocks:
    """T blocks of L queries and K keys over N nodes; what is left over in a block is padding."""

    queries: torch.Tensor
    """(T, L) the node at each query; padding repeats node 0."""
    padding: torch.Tensor
    """Numbers of the padded queries, counted block by block."""
    keys: torch.Tensor
    """(T, K) the node at each key; padding repeats node 0, and no query sees it."""
    slots: torch.Tensor
    """(N,) which query a node is, counted block by block."""
    sees: torch.Tensor
    """(T, L, K) bool: which keys a query attends to."""
    _known: dict[object, Any] = field(default_factory=dict[object, Any])
    """What was derived once for all layers."""

    def to(self, device: torch.device) -> "Blocks":
        return Blocks(
            queries=self.queries.to(device),
            padding=self.padding.to(device),
            keys=self.keys.to(device),
            slots=self.slots.to(device),
            sees=self.sees.to(device),
        )

    def mask(self, dtype: torch.dtype, n_heads: int, n_groups: int) -> torch.Tensor:
        """(T · groups, heads / groups · L, K) added to scores: 0 where a query attends, else the lowest number."""
        known = dtype, n_heads, n_groups
        if known not in self._known:
            mask = torch.zeros(self.sees.shape, dtype=dtype, device=self.sees.device)
            mask.masked_fill_(~self.sees, torch.finfo(dtype).min)
            n_blocks, _, n_keys = mask.shape
            each = mask[:, None].expand(-1, n_heads, -1, -1)
            self._known[known] = each.reshape(n_blocks * n_groups, -1, n_keys)
        return self._known[known]

    def rows(self, n_heads: int, n_groups: int) -> "BlockRows":
        """The rows of every head's queries, keys and values, for grouped-query attention."""
        if (n_heads, n_groups) not in self._known:
            self._known[n_heads, n_groups] = BlockRows.of(self, n_heads, n_groups)
        return self._known[n_heads, n_groups]


@dataclass(frozen=True)
class BlockRows:
    """Rows of D numbers each: where blocks find theirs among the nodes', and nodes among the blocks'.

    The nodes' rows are ordered by node and head, the blocks' by block, head and query (or key).
    """

    queries: torch.Tensor
    """(T·heads·L,) among the nodes' queries and keys."""
    keys: torch.Tensor
    """(T·groups·K,) among the nodes' queries and keys."""
    values: torch.Tensor
    """(T·groups·K,) among the nodes' queries, keys and values."""
    outputs: torch.Tensor
    """(T·heads·L,) among the nodes' outputs."""
    padding: torch.Tensor
    """Rows of the blocks' queries that are padding."""
    slots: torch.Tensor
    """(N·heads,) among the blocks' queries."""
    order: torch.Tensor
    """(T·groups·K,) the blocks' keys, sorted by node and group."""
    first: torch.Tensor
    """(N·groups,) where each node's own begin in `order`."""

    @classmethod
    def of(cls, blocks: Blocks, n_heads: int, n_groups: int) -> "BlockRows":
        head = torch.arange(n_heads, device=blocks.keys.device)
        group = torch.arange(n_groups, device=blocks.keys.device)
        n_blocks, length = blocks.queries.shape
        queries, keys = blocks.queries[:, None], blocks.keys[:, None]
        by_head, by_group = head[:, None], group[:, None]
        joint = n_heads + n_groups
        block, at = blocks.slots // length, blocks.slots % length
        slots = (block[:, None] * n_heads + head) * length + at[:, None]
        owner = (keys * n_groups + by_group).flatten()
        n_owners = len(blocks.slots) * n_groups
        counts = torch.bincount(owner, minlength=n_owners)
        padding = torch.zeros(n_blocks * length, dtype=torch.bool, device=head.device)
        padding[blocks.padding] = True
        padding = padding.view(n_blocks, 1, length).expand(-1, n_heads, -1)
        return cls(
            queries=(queries * joint + by_head).flatten(),
            keys=(keys * joint + n_heads + by_group).flatten(),
            values=(keys * (joint + n_groups) + joint + by_group).flatten(),
            outputs=(queries * n_heads + by_head).flatten(),
            padding=padding.flatten().nonzero()[:, 0],
            slots=slots.flatten(),
            order=owner.argsort(),
            first=counts.cumsum(0) - counts,
        )

    def summed(self, x: torch.Tensor) -> torch.Tensor:
        """(N·groups, D) of each node's keys the sum over all blocks that have it, of x (.., K, D)."""
        rows = x.reshape(-1, x.shape[-1])
        return F.embedding_bag(self.order, rows, self.first, mode="sum")


def cut(parents: Sequence[int]) -> Blocks:
    """Blocks of the tree in which node n hangs on `parents[n]` < n (-1: on nothing)."""
    n_nodes = len(parents)
    depth = [0] * n_nodes
    starts = [n for n, parent in enumerate(parents) if parent != n - 1 or n == 0]
    for node, parent in enumerate(parents):
        depth[node] = depth[parent] + 1 if parent >= 0 else 0
    runs = list(zip(starts, [*starts[1:], n_nodes], strict=True))
    size = _best_size([stop - start for start, stop in runs], max(depth) + 1)
    pieces = [
        (first, min(first + size, stop))
        for start, stop in runs
        for first in range(start, stop, size)
    ]
    length = max(stop - first for first, stop in pieces)
    n_keys = max(depth[stop - 1] for _, stop in pieces) + 1
    queries = np.zeros((len(pieces), length), dtype=np.int64)
    is_query = np.zeros((len(pieces), length), dtype=bool)
    keys = np.zeros((len(pieces), n_keys), dtype=np.int64)
    for block, (first, stop) in enumerate(pieces):
        queries[block, : stop - first] = range(first, stop)
        is_query[block, : stop - first] = True
        node = stop - 1
        while node >= 0:
            keys[block, depth[node]] = node
            node = parents[node]
    flat = queries.ravel()
    slots = np.zeros(n_nodes, dtype=np.int64)
    slots[flat[is_query.ravel()]] = np.flatnonzero(is_query)
    sees = np.arange(n_keys) <= np.asarray(depth)[queries][:, :, None]
    return Blocks(
        queries=torch.from_numpy(queries),
        padding=torch.from_numpy(np.flatnonzero(~is_query)),
        keys=torch.from_numpy(keys),
        slots=torch.from_numpy(slots),
        sees=torch.from_numpy(sees),
    )


def _best_size(lengths: Sequence[int], n_keys: int) -> int:
    """The L that computes least: T·L·K scores, and what moving a key (8) and a query (7) costs besides.

    The weights are measured on a CPU, in units of one score of nine heads.
    """

    def cost(size: int) -> int:
        n_blocks = sum(-(-length // size) for length in lengths)
        size = min(size, max(lengths))
        return n_blocks * (size * n_keys + 8 * n_keys + 7 * size)

    return min(SIZES, key=cost)
