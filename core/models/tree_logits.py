"""The logits of a tree of tokens, by whichever path its model takes: the one door to both."""

from collections.abc import Sequence

import torch
from torch import nn

from core.models.forward import backbone_and_head, is_plain, run_tree
from core.models.plain import unrolled_logits


def tree_logits(
    model: nn.Module,
    tokens: torch.Tensor,
    places: torch.Tensor,
    parents: Sequence[int],
    *,
    wanted: torch.Tensor | None = None,
) -> torch.Tensor:
    """(M, V) logits at the nodes `wanted` (M,) of a tree of tokens (N,) at positions (N,), or at all.

    Node n hangs on `parents[n]` < n (-1: on nothing).
    """
    if is_plain(model):
        return unrolled_logits(model, tokens, parents, wanted=wanted)
    hidden = run_tree(model, tokens, places, parents, wanted=wanted)
    return backbone_and_head(model)[1](hidden)
