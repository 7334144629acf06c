"""The forward pass of a batch that is a tree of tokens: from tokens to logits, in one file to read.

    "Review:" ── "I" ── "loved"          tokens    Review:   I   loved   Bad   film
              └─ "Bad" ── "film"         depths       0      1     2      1      2
                                         parents     -1      0     1      0      3

In a causal model the outputs at a token depend on the tokens before it alone. So the tree's N nodes stand in
one row, each at the position that it has in its own text, its depth; each attends to its ancestors and
itself; and logits are computed only where a completion token is predicted. Losses and gradients are those of
the same texts padded, one a row (tests/core/models/test_trie.py; the loss is in core/models/trie.py).

`tree_forward` is that, with the model's own layers. core/models/fused computes the same faster where it can;
which of them is taken is decided in `tree_outputs`. `TUNING_FORK_FUSED=0` in the environment leaves
everything to this file. Beside it: core/models/virtual_tokens.py, what a soft prompt puts before the text.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache

from core.models.attention import attention_for, using_attention
from core.models.fused.forward import can_fuse, fused_forward
from core.models.plain import unrolled_logits
from core.models.structure import backbone_and_head, is_plain
from core.models.virtual_tokens import with_virtual_tokens


def tree_logits(
    model: nn.Module,
    tokens: torch.Tensor,
    depths: torch.Tensor,
    parents: Sequence[int],
    *,
    wanted: torch.Tensor | None = None,
) -> torch.Tensor:
    """(M, V) logits at the nodes `wanted` (M,) of a tree of tokens (N,) at depths (N,), or at all N.

    Node n hangs on `parents[n]` < n (-1: on nothing).
    """
    if is_plain(model):  # an architecture that a tree would compute wrongly: padded rows instead
        return unrolled_logits(model, tokens, parents, wanted=wanted)
    _, head = backbone_and_head(model)
    return head(tree_outputs(model, tokens, depths, parents, wanted=wanted))


def tree_outputs(
    model: nn.Module,
    tokens: torch.Tensor,
    depths: torch.Tensor,
    parents: Sequence[int],
    *,
    wanted: torch.Tensor | None = None,
    cache: DynamicCache | None = None,
) -> torch.Tensor:
    """(M, H) the decoder's outputs at the nodes `wanted`, or at all N: as below, or the same faster."""
    forward = fused_forward if can_fuse(model) else tree_forward
    return forward(model, tokens, depths, parents, wanted=wanted, cache=cache)


def tree_forward(
    model: nn.Module,
    tokens: torch.Tensor,
    depths: torch.Tensor,
    parents: Sequence[int],
    *,
    wanted: torch.Tensor | None = None,
    cache: DynamicCache | None = None,
) -> torch.Tensor:
    """(M, H) the decoder's outputs at the nodes `wanted`; an empty cache is given all keys and values."""
    attends = ancestors(parents).to(tokens.device)  # (N, N)
    outputs = run_layers(model, tokens[None], depths[None], attends[None], cache=cache)[0]  # (N, H)
    return outputs if wanted is None else outputs[wanted]


def ancestors(parents: Sequence[int]) -> torch.Tensor:
    """(N, N) bool: row n is true at node n and at all it hangs on."""
    rows = torch.eye(len(parents), dtype=torch.bool)
    for node, parent in enumerate(parents):
        if parent >= 0:
            rows[node] |= rows[parent]  # parents stand before their children
    return rows


def run_layers(
    model: nn.Module,
    tokens: torch.Tensor,
    positions: torch.Tensor,
    attends: torch.Tensor,
    *,
    cache: DynamicCache | None = None,
) -> torch.Tensor:
    """(B, Q, H) outputs of the model's own layers at new tokens (B, Q) that stand at `positions` (B, Q).

    Each attends to (B, Q, K) of the K tokens there are: those in the cache, then the new ones, whose
    keys and values join the cache. Virtual tokens count in neither Q, K nor the positions.
    """
    if is_plain(model):
        raise ValueError("a plain model would come out wrong here: see core/models/plain.py")
    backbone: Any = backbone_and_head(model)[0]
    embedded = backbone.get_input_embeddings()(tokens)  # (B, Q, H)
    inputs = with_virtual_tokens(model, embedded, positions, attends, cache)
    embedded, positions, attends, cache = inputs
    with using_attention(backbone, attention_for(attends.shape[1])):
        outputs = backbone(
            inputs_embeds=embedded,
            position_ids=positions,
            attention_mask=additive_mask(attends, next(backbone.parameters()).dtype),
            cache=cache,
            use_cache=cache is not None,
        ).last_hidden_state
    return outputs[:, -tokens.shape[1] :]


def additive_mask(attends: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """(B, 1, Q, K) added to the scores of all heads: 0 where a query attends (B, Q, K), else the lowest number."""
    mask = torch.zeros(attends.shape, dtype=dtype, device=attends.device)
    return mask.masked_fill_(~attends, torch.finfo(dtype).min)[:, None]
