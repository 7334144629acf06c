"""Attention over the tiles of a tree as one operation, and over rows with a cache. Needs torch."""

# pyright: reportIncompatibleMethodOverride=false, reportPrivateUsage=false

from typing import Any

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama.modeling_llama import LlamaAttention, eager_attention_forward

from core.models.fused.precision import no_autocast
from core.models.fused.projection import project
from core.models.tiles import Places, Tiles


class FusedAttention(LlamaAttention):
    def forward(
        self,
        hidden_states: torch.Tensor,
        position_embeddings: Any = None,
        attention_mask: torch.Tensor | None = None,
        cache: Any = None,
        *,
        tiles: Tiles | None = None,
        rows: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        if tiles is None and (cache is None or torch.is_grad_enabled()):
            return super().forward(
                hidden_states, position_embeddings, attention_mask, cache, **kwargs
            )
        n_rows, n_new = hidden_states.shape[:2]
        qkv = project(hidden_states.flatten(0, 1), (self.q_proj, self.k_proj, self.v_proj))
        cos, sin = (
            t.to(qkv.dtype).expand(n_rows, -1, -1).reshape(-1, self.head_dim)
            for t in position_embeddings
        )
        n_heads = self.config.num_attention_heads
        if tiles is not None and cache is None:
            mixed: Any = TileAttention.apply(qkv, cos, sin, tiles, n_heads, self.scaling)
            return self.o_proj(mixed if rows is None else mixed[rows])[None], None
        n_groups = n_heads // self.num_key_value_groups
        each = qkv.view(n_rows, n_new, -1, self.head_dim)
        turned = _rotated(each.flatten(0, 1)[:, : n_heads + n_groups], cos, sin)
        queries, keys = turned.view(n_rows, n_new, -1, self.head_dim).split(
            [n_heads, n_groups], dim=2
        )
        keys, values = cache.update(
            keys.transpose(1, 2), each[:, :, -n_groups:].transpose(1, 2), self.layer_idx
        )
        if tiles is not None:
            mixed = _attend(qkv, turned, tiles, n_heads, self.scaling)[0]
        else:
            kind: Any = self.config._attn_implementation
            attention: Any = ALL_ATTENTION_FUNCTIONS.get_interface(kind, eager_attention_forward)
            queries = queries.transpose(1, 2)
            mixed, _ = attention(self, queries, keys, values, attention_mask, scaling=self.scaling)
        return self.o_proj(mixed.reshape(n_rows, n_new, -1)), None


class TileAttention(torch.autograd.Function):
    """Rotary positions, then attention of each tile's queries to its path's keys; y (N, heads · D).

    `qkv` (N, (heads + 2 · groups) · D) holds a node's queries, keys and values, `cos` and `sin` (N, D).
    With P = softmax(Q·Kᵀ/√D) and dO:  dV = Pᵀ·dO,  dS = P∘(dO·Vᵀ - Σ dO·Vᵀ∘P),  dQ = dS·K,  dK = dSᵀ·Q.
    A node that is key to many tiles gets the sum of what each of them says.
    """

    @staticmethod
    def forward(
        ctx: Any,
        qkv: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
        tiles: Tiles,
        n_heads: int,
        scaling: float,
    ) -> torch.Tensor:
        n_nodes, size = cos.shape
        n_groups = (qkv.shape[1] // size - n_heads) // 2
        turned = _rotated(qkv.view(n_nodes, -1, size)[:, : n_heads + n_groups], cos, sin)
        mixed, *tiled = _attend(qkv, turned, tiles, n_heads, scaling)
        ctx.save_for_backward(*tiled, cos, sin)
        ctx.places, ctx.scaling = tiles.places(n_heads, n_groups), scaling
        ctx.shape = n_nodes, n_heads, n_groups, size
        return mixed

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        q, k, v, weights, cos, sin = ctx.saved_tensors
        n_nodes, n_heads, n_groups, size = ctx.shape
        places: Places = ctx.places
        d_mixed = dy.reshape(-1, size).index_select(0, places.outputs)
        d_mixed = d_mixed.index_fill_(0, places.padding, 0).view(q.shape)
        dv = torch.bmm(weights.transpose(1, 2), d_mixed)
        d_scores = torch.bmm(d_mixed, v.transpose(1, 2))
        d_scores = torch.ops.aten._softmax_backward_data(d_scores, weights, -1, weights.dtype)
        dq = torch.bmm(d_scores, k).mul_(ctx.scaling)
        dk = torch.bmm(d_scores.transpose(1, 2), q)  # q holds the scale
        d_qkv = dy.new_empty(n_nodes, n_heads + 2 * n_groups, size)
        d_turned = torch.cat(
            [
                dq.view(-1, size).index_select(0, places.slots).view(n_nodes, n_heads, size),
                places.summed(dk).view(n_nodes, n_groups, size),
            ],
            dim=1,
        )
        _rotate(d_qkv[:, : n_heads + n_groups], d_turned, cos, -sin)
        d_qkv[:, n_heads + n_groups :] = places.summed(dv).view(n_nodes, n_groups, size)
        return d_qkv.view(n_nodes, -1), None, None, None, None, None


def _attend(
    qkv: torch.Tensor, turned: torch.Tensor, tiles: Tiles, n_heads: int, scaling: float
) -> tuple[torch.Tensor, ...]:
    """Outputs (N, heads · D) for `turned` queries and keys; the tiles' q, k, v and attention weights."""
    n_nodes, n_turned, size = turned.shape
    n_groups = n_turned - n_heads
    places = tiles.places(n_heads, n_groups)
    n_tiles, length, n_keys = tiles.sees.shape
    flat = turned.view(-1, size)
    q = flat.index_select(0, places.queries).view(n_tiles * n_groups, -1, size).mul_(scaling)
    k = flat.index_select(0, places.keys).view(n_tiles * n_groups, -1, size)
    v = qkv.view(-1, size).index_select(0, places.values).view(k.shape)
    with no_autocast(q):
        scores = torch.bmm(q, k.transpose(1, 2))
        scores.view(n_tiles, n_heads, length, n_keys).add_(tiles.mask(q.dtype))
        weights = scores.softmax(-1)
        mixed = torch.bmm(weights, v)
    mixed = mixed.view(-1, size).index_select(0, places.slots).view(n_nodes, n_heads * size)
    return mixed, q, k, v, weights


def _rotated(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Each (N, heads, D) turned by its position: transformers' halves, x·cos + (-x₂, x₁)·sin."""
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    return _rotate(out, x, cos, sin)


def _rotate(
    out: torch.Tensor, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
) -> torch.Tensor:
    half = x.shape[-1] // 2
    sin = sin[:, None, :half]
    torch.mul(x, cos[:, None], out=out)
    out[..., :half].addcmul_(x[..., half:], sin, value=-1)
    out[..., half:].addcmul_(x[..., :half], sin)
    return out
