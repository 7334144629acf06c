"""The forward pass of a tree with fused parts: `tree_forward` of core/models/forward.py, faster.

Attention runs over blocks of the tree instead of all pairs of nodes. Virtual tokens of a soft prompt are
nodes, too: a chain that the tree hangs on.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache

from core.models.fused.attention import FusedAttention
from core.models.fused.block_sparse import cut
from core.models.structure import backbone_and_head
from core.models.virtual_tokens import has_prefix, soft_prompt


def can_fuse(model: nn.Module) -> bool:
    """Whether the model's layers take blocks (see `fuse`), and nothing but nodes is attended to."""
    backbone, _ = backbone_and_head(model)
    takes_blocks = any(isinstance(module, FusedAttention) for module in backbone.modules())
    return takes_blocks and not has_prefix(model)


def fused_forward(
    model: nn.Module,
    tokens: torch.Tensor,
    depths: torch.Tensor,
    parents: Sequence[int],
    *,
    wanted: torch.Tensor | None = None,
    cache: DynamicCache | None = None,
) -> torch.Tensor:
    """(M, H) the decoder's outputs at the nodes `wanted`; an empty cache is given all keys and values."""
    backbone: Any = backbone_and_head(model)[0]
    embedded = backbone.get_input_embeddings()(tokens)  # (N, H)
    virtual = soft_prompt(model)
    if virtual is not None:
        n = len(virtual)
        embedded = torch.cat([virtual.to(embedded.dtype), embedded])
        depths = torch.cat([torch.arange(n, device=depths.device), depths + n])
        parents = [*range(-1, n - 1), *(parent + n for parent in parents)]
    outputs = backbone(
        inputs_embeds=embedded[None],
        position_ids=depths[None],
        attention_mask=tokens.new_zeros(1, 1, 1, 1),  # the blocks know better
        cache=cache,
        use_cache=cache is not None,
        blocks=cut(parents).to(tokens.device),
    ).last_hidden_state[0, -len(tokens) :]
    return outputs if wanted is None else outputs[wanted]
