"""Trie batches: every distinct prefix token of a batch is computed once.

In a causal language model the activations at a token depend only on the tokens before it. Examples
that begin alike (the same system prompt, the same instruction) therefore share those activations,
and a batch is a tree:

    "Review:" ── "I" ── "loved" ── …           3 + 2 tokens instead of 2 + 2 + 2 + …
              └─ "Bad" ── …

We lay the tree's nodes out in one row of N tokens without padding, give each node its depth as its
position, let it attend to its ancestors only, and take the loss only where a completion token is
predicted. Loss and gradients are those of the padded batch, up to floating-point order (proved in
tests/core/models/test_trie.py against transformers' own loss).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from core.data.encode import Encoded
from core.models.forward import ancestors, tree_logits
from core.models.plain import n_padded
from core.models.structure import is_plain


@dataclass(frozen=True)
class TrieBatch:
    """B examples as one tree of N nodes (D ≤ N of which predict one of M distinct targets)."""

    token_ids: torch.Tensor
    """(N,) the token at each node; parents stand before their children."""
    depth: torch.Tensor
    """(N,) distance from the root: the token's position in its own sequence."""
    parents: list[int]
    """The node each node hangs on; -1 for none."""
    predict_at: torch.Tensor
    """(M,) the node whose output predicts a completion token."""
    targets: torch.Tensor
    """(M,) that token."""
    counts: torch.Tensor
    """(M,) how many examples of the batch have this very prefix and target."""
    n_tokens_padded: int
    """What a padded batch of the same examples would compute, for comparison."""
    n_tokens: int
    """Tokens of the examples themselves, without padding."""

    @property
    def attends(self) -> torch.Tensor:
        """(N, N) bool: row i is true at i and its ancestors."""
        return ancestors(self.parents).to(self.token_ids.device)

    def to(self, device: torch.device) -> "TrieBatch":
        moved: dict[str, Any] = {
            k: v.to(device) if torch.is_tensor(v) else v for k, v in vars(self).items()
        }
        return TrieBatch(**moved)


class Trie:
    """A growing tree of tokens; `insert` returns the nodes along a sequence."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.depths: list[int] = []
        self.parents: list[int] = []
        self._children: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return len(self.tokens)

    def child(self, node: int, token: int) -> int | None:
        """The node of `token` on `node`; None where no sequence goes on so."""
        return self._children.get((node, token))

    def insert(self, ids: Sequence[int]) -> list[int]:
        path: list[int] = []
        parent = -1
        for depth, token in enumerate(ids):
            node = self._children.get((parent, token))
            if node is None:
                node = len(self)
                self.tokens.append(token)
                self.parents.append(parent)
                self.depths.append(depth)
                self._children[parent, token] = node
            path.append(node)
            parent = node
        return path


def build(batch: Sequence[Encoded]) -> TrieBatch:
    """Merge encoded pairs into one tree. The last token of a pair predicts nothing and is left out."""
    trie = Trie()
    predictions: dict[tuple[int, int], int] = {}
    for pair in batch:
        path = trie.insert(pair.ids[:-1])
        first = len(pair.prompt_ids) - 1
        for node, target in zip(path[first:], pair.completion_ids, strict=True):
            predictions[node, target] = predictions.get((node, target), 0) + 1
    lengths = [len(pair.ids) for pair in batch]
    return TrieBatch(
        token_ids=torch.tensor(trie.tokens),
        depth=torch.tensor(trie.depths),
        parents=trie.parents,
        predict_at=torch.tensor([node for node, _ in predictions]),
        targets=torch.tensor([target for _, target in predictions]),
        counts=torch.tensor(list(predictions.values())),
        n_tokens_padded=max(lengths) * len(batch),
        n_tokens=sum(lengths),
    )


def token_losses(model: nn.Module, batch: TrieBatch) -> torch.Tensor:
    """(M,) cross-entropy in nats of each distinct (prefix, target); logits exist only there."""
    return F.cross_entropy(logits(model, batch), batch.targets, reduction="none")


def logits(model: nn.Module, batch: TrieBatch) -> torch.Tensor:
    """(M, V) logits where the batch predicts, at least float32."""
    found = tree_logits(model, batch.token_ids, batch.depth, batch.parents, wanted=batch.predict_at)
    return found.float() if found.dtype is torch.bfloat16 else found


def tokens_computed(model: nn.Module, batch: TrieBatch) -> int:
    """How many tokens the model computes for a batch: the tree's nodes, or all of the padded rows."""
    return n_padded(batch.parents) if is_plain(model) else len(batch.token_ids)


def mean_loss(model: nn.Module, batch: TrieBatch) -> torch.Tensor:
    """The padded batch's loss: mean over all completion tokens of all examples."""
    losses = token_losses(model, batch)
    return (losses * batch.counts).sum() / batch.counts.sum()
