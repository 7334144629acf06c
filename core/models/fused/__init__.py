"""A Llama decoder's parts with gradients written by hand.

Transformers composes each part of small operations, and autograd keeps every intermediate and walks
through all of them again. Here a part is one operation with its gradient derived on paper: RMSNorm,
the products to queries, keys and values (with LoRA beside them), and attention over the tiles of a tree.
Same numbers (tests/core/models/test_fused.py: values and gradients in float64), a quarter to a
third less time for a training step, and less memory. `fuse` gives a loaded model these parts; whatever
they cannot take (other kinds of layers and adapters) goes through transformers' own code.
"""

from typing import Any

import torch
from torch import nn
from transformers.models.llama.modeling_llama import (
    LlamaAttention,
    LlamaDecoderLayer,
    LlamaRMSNorm,
)

from core.models.fused.attention import FusedAttention
from core.models.fused.linear import FusedLinear, lay_together
from core.models.fused.norm import FusedNorm


class FusedLayer(LlamaDecoderLayer):
    """A decoder layer that ends, if it is the last one, with the outputs that are asked for."""

    def forward(
        self,
        hidden_states: torch.Tensor,
        *args: Any,
        rows: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        attention: Any = self.self_attn
        if rows is None or attention.layer_idx < attention.config.num_hidden_layers - 1:
            return super().forward(hidden_states, *args, **kwargs)
        mixed, _ = attention(self.input_layernorm(hidden_states), *args, rows=rows, **kwargs)
        hidden_states = hidden_states[:, rows] + mixed
        return hidden_states + self.mlp(self.post_attention_layernorm(hidden_states))


FUSED = (FusedNorm, FusedLinear, FusedLayer, FusedAttention)


def fuse(model: nn.Module) -> None:
    """Let the Llama layers of `model` compute with these parts, in place."""
    for module in model.modules():
        if type(module) is LlamaRMSNorm:
            module.__class__ = FusedNorm
        elif type(module) is nn.Linear:
            module.__class__ = FusedLinear
        elif type(module) is LlamaDecoderLayer:
            module.__class__ = FusedLayer
        elif type(module) is LlamaAttention and _is_plain(module):
            module.__class__ = FusedAttention
            lay_together([module.q_proj.weight, module.k_proj.weight, module.v_proj.weight])


def unfuse(model: nn.Module) -> None:
    """Let `model` compute with transformers' own parts again, in place."""
    for module in model.modules():
        if isinstance(module, FUSED):
            module.__class__ = type(module).__bases__[0]


def can_take_tiles(backbone: nn.Module) -> bool:
    return any(isinstance(module, FusedAttention) for module in backbone.modules())


def _is_plain(attention: LlamaAttention) -> bool:
    bias: Any = attention.q_proj.bias
    return bias is None and attention.attention_dropout == 0
