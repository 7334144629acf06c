"""A whole decoder layer as one operation, with its gradient written by hand. Needs torch.

    x' = x  + W_o · attention(W_qkv · norm(x))
    y  = x' + W_down · (silu(g) ∘ u)    with g, u = W_gate_up · norm(x')

Every part says what its gradient needs, and the gradient takes the parts from last to first. So autograd
sees one operation where transformers' layer has more than a hundred.
"""

# autograd.Function declares other signatures than it calls.
# pyright: reportIncompatibleMethodOverride=false

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import nn
from transformers.activations import SiLUActivation
from transformers.models.llama.modeling_llama import (
    LlamaDecoderLayer,
    LlamaMLP,
    LlamaRMSNorm,
)

from core.models.fused.attention import FusedAttention, Heads, attended, attended_gradient, turns
from core.models.fused.block_sparse import Blocks
from core.models.fused.gate import gated, gated_gradient
from core.models.fused.norm import FusedNorm, normed, normed_gradient
from core.models.fused.precision import no_autocast, product_dtype
from core.models.fused.product import Product

SILU = (SiLUActivation, nn.SiLU)
Kept = tuple[torch.Tensor, ...]
Attend = Callable[[torch.Tensor], tuple[torch.Tensor, Kept]]
"""Outputs (N, heads · D) of queries, keys and values, and what their gradient needs."""


class FusedLayer(LlamaDecoderLayer):
    """A decoder layer as one operation, where it has the usual parts only."""

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        *args: Any,
        position_embeddings: Any = None,
        cache: Any = None,
        blocks: Blocks | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        is_known = blocks is not None or (cache is not None and not torch.is_grad_enabled())
        whole = Whole.of(self) if is_known else None
        if whole is not None:
            return self._as_whole(
                whole, hidden_states, attention_mask, position_embeddings, cache, blocks
            )
        given: dict[str, Any] = {
            "attention_mask": attention_mask,
            "position_embeddings": position_embeddings,
            "cache": cache,
            **kwargs,
        }
        if blocks is not None:
            given["blocks"] = blocks
        return super().forward(hidden_states, *args, **given)

    def _as_whole(
        self,
        whole: "Whole",
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None,
        position_embeddings: Any,
        cache: Any,
        blocks: Blocks | None,
    ) -> torch.Tensor:
        attention: Any = self.self_attn
        x = hidden_states.flatten(0, 1)
        n_rows = len(hidden_states)
        turned = turns(position_embeddings, n_rows, product_dtype(x))
        if cache is None:
            y: Any = LayerFunction.apply(x, *turned, attention.heads(blocks), whole, *whole.tensors)
            return y.view(hidden_states.shape)

        def attend(qkv: torch.Tensor) -> tuple[torch.Tensor, Kept]:
            return attention.attend_cached(qkv, *turned, attention_mask, cache, n_rows, blocks), ()

        return whole(x, attend)[0].view(hidden_states.shape)


@dataclass(frozen=True)
class Whole:
    """The parts of a layer that has nothing but these."""

    norms: tuple[LlamaRMSNorm, LlamaRMSNorm]
    qkv: Product
    out: Product
    gate_up: Product
    down: Product

    @classmethod
    def of(cls, layer: LlamaDecoderLayer) -> "Whole | None":
        """None where a layer has another part, such as an adapter of its own."""
        attention, mlp = layer.self_attn, layer.mlp
        norms = layer.input_layernorm, layer.post_attention_layernorm
        is_usual = (
            type(attention) is FusedAttention
            and type(mlp) is LlamaMLP
            and type(mlp.act_fn) in SILU
            and all(type(norm) is FusedNorm for norm in norms)
        )
        if not is_usual:
            return None
        products = [
            Product.of(modules)
            for modules in (
                (attention.q_proj, attention.k_proj, attention.v_proj),
                (attention.o_proj,),
                (mlp.gate_proj, mlp.up_proj),
                (mlp.down_proj,),
            )
        ]
        qkv, out, gate_up, down = products
        if qkv is None or out is None or gate_up is None or down is None:
            return None
        return cls(norms, qkv, out, gate_up, down)

    @property
    def tensors(self) -> list[torch.Tensor]:
        """In the order of `gradient`."""
        products = (self.qkv, self.out, self.gate_up, self.down)
        found = [tensor for product in products for tensor in product.tensors]
        return [norm.weight for norm in self.norms] + found

    def __call__(self, x: torch.Tensor, attend: Attend) -> tuple[torch.Tensor, list[Kept]]:
        """y (N, d) of x (N, d), and what the gradient needs, part by part."""
        dtype = product_dtype(x)
        kept: list[Kept] = []

        def part(found: tuple[torch.Tensor, Kept]) -> torch.Tensor:
            kept.append(found[1])
            return found[0]

        first, second = self.norms
        with no_autocast(x):
            qkv = part(self.qkv(part(_normed(x, first, dtype))))
            x = x + part(self.out(part(attend(qkv))))
            gate_up = part(self.gate_up(part(_normed(x, second, dtype))))
            y = x + part(self.down(part(gated(gate_up))))
        return y, kept

    def gradient(
        self,
        dy: torch.Tensor,
        kept: Sequence[Kept],
        attend_gradient: Callable[[torch.Tensor, Kept], torch.Tensor],
        *,
        needs_x: bool,
    ) -> tuple[torch.Tensor | None, list[torch.Tensor | None]]:
        """dx, and the gradients of `tensors`."""
        n1, qkv, attention, out, n2, gate_up, gate, down = kept
        first, second = self.norms

        dh, d_down = self.down.gradient(dy, down, needs_x=True)
        assert dh is not None
        dn, d_gate_up = self.gate_up.gradient(gated_gradient(dh, *gate), gate_up, needs_x=True)
        assert dn is not None
        dx, d_second = normed_gradient(dn, *n2, needs_weight=second.weight.requires_grad)
        dx.add_(dy)

        d_mixed, d_out = self.out.gradient(dx, out, needs_x=True)
        assert d_mixed is not None
        needs_norm = needs_x or first.weight.requires_grad
        dn, d_qkv = self.qkv.gradient(attend_gradient(d_mixed, attention), qkv, needs_x=needs_norm)
        d_first = None
        if dn is not None:
            d_last, d_first = normed_gradient(dn, *n1, needs_weight=first.weight.requires_grad)
            dx.add_(d_last)
        return dx if needs_x else None, [d_first, d_second, *d_qkv, *d_out, *d_gate_up, *d_down]


def _normed(x: torch.Tensor, norm: LlamaRMSNorm, dtype: torch.dtype) -> tuple[torch.Tensor, Kept]:
    y, scale = normed(x, norm.weight, norm.variance_epsilon, dtype)
    return y, (x, norm.weight, scale)


class LayerFunction(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
        heads: Heads,
        whole: Whole,
        *tensors: torch.Tensor,
    ) -> torch.Tensor:
        del tensors  # autograd's; they are the layer's
        y, kept = whole(x, lambda qkv: attended(qkv, cos, sin, heads))
        ctx.save_for_backward(*(tensor for group in kept for tensor in group))
        ctx.ends = list(accumulate(map(len, kept), initial=0))
        ctx.heads, ctx.whole = heads, whole
        return y

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        whole: Whole = ctx.whole
        kept = [ctx.saved_tensors[start:stop] for start, stop in pairwise(ctx.ends)]

        def attend_gradient(d_mixed: torch.Tensor, kept: Kept) -> torch.Tensor:
            return attended_gradient(d_mixed, kept, ctx.heads)

        dx, found = whole.gradient(dy, kept, attend_gradient, needs_x=ctx.needs_input_grad[0])
        return (dx, None, None, None, None, *found)
