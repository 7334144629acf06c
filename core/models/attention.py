"""Attention over rows of tokens with any mask, in four lines.

Fused parts cut a tree into blocks (core/models/fused). Where that is not possible, and for rows
that answer, transformers' eager attention would repeat the keys and values of grouped-query attention
and take the softmax in a float32 copy. Here the query heads of a group are stacked instead, so no key is
copied, and the mask is added inside the product. Same numbers (tests/core/models/test_trie.py). Its
scores of all pairs cost too much for long rows; `attention_for` then chooses PyTorch's fused kernel.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

NAME = "tree"
NOT_HERE = ("softcap", "s_aux")
"""What some attention does to its scores and ours does not: it caps them, or adds a sink to attend to."""
LIMIT = 1536
"""Rows longer than this many nodes go to the fused kernel."""


def attention_for(n_nodes: int) -> str:
    """What to compute rows of so many nodes with, for `using_attention`."""
    return "sdpa" if n_nodes > LIMIT else NAME


@contextmanager
def using_attention(backbone: nn.Module, kind: str) -> Generator[None]:
    """Let transformers compute attention in another way inside the block."""
    config: Any = backbone.config
    usual = config._attn_implementation
    config._attn_implementation = kind
    try:
        yield
    finally:
        config._attn_implementation = usual


def tree_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor,
    scaling: float,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attend within each row of nodes.

    query (B, H, Q, D); key and value (B, G, K, D) with G key heads, H a multiple of G;
    attention_mask (B or 1, 1, Q, K), added to the scores. Returns (B, Q, H, D).
    """
    del module
    if asked := [name for name in NOT_HERE if options.get(name) is not None]:
        raise ValueError(f"its attention asks for {' and '.join(asked)}")
    if query.shape[2] == 1:  # the next token of each row
        mixed = F.scaled_dot_product_attention(
            query, key, value, attn_mask=attention_mask, scale=scaling, enable_gqa=True
        )
        return mixed.transpose(1, 2), None
    n_rows, n_heads, n_queries, size = query.shape
    n_groups, n_keys = key.shape[1], key.shape[2]
    in_group = n_heads // n_groups
    stacked = query.reshape(n_rows * n_groups, in_group * n_queries, size)
    mask = attention_mask.expand(n_rows, n_groups, n_queries, n_keys).repeat(1, 1, in_group, 1)
    scores = torch.baddbmm(
        mask.view(n_rows * n_groups, -1, n_keys),
        stacked,
        key.reshape(n_rows * n_groups, n_keys, size).transpose(1, 2),
        alpha=scaling,
    )
    mixed = torch.bmm(scores.softmax(-1), value.reshape(n_rows * n_groups, n_keys, size))
    return mixed.view(query.shape).transpose(1, 2).contiguous(), None


ALL_ATTENTION_FUNCTIONS.register(NAME, tree_attention)
