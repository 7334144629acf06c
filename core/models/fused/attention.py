"""Attention over the blocks of a tree as one operation, and over rows with a cache. Needs torch."""

# pyright: reportIncompatibleMethodOverride=false, reportPrivateUsage=false

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama.modeling_llama import LlamaAttention, eager_attention_forward

from core.models.fused.block_sparse import BlockRows, Blocks
from core.models.fused.precision import no_autocast
from core.models.fused.product import project


@dataclass(frozen=True)
class Heads:
    """The heads that look, and at which blocks."""

    blocks: Blocks
    n_heads: int
    scaling: float
    """Of scores: 1/√D."""


class FusedAttention(LlamaAttention):
    def heads(self, blocks: Blocks) -> Heads:
        return Heads(blocks, self.config.num_attention_heads, self.scaling)

    def forward(
        self,
        hidden_states: torch.Tensor,
        position_embeddings: Any = None,
        attention_mask: torch.Tensor | None = None,
        cache: Any = None,
        *,
        blocks: Blocks | None = None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        if blocks is None and (cache is None or torch.is_grad_enabled()):
            return super().forward(
                hidden_states, position_embeddings, attention_mask, cache, **kwargs
            )
        n_rows, n_new = hidden_states.shape[:2]
        qkv = project(hidden_states.flatten(0, 1), (self.q_proj, self.k_proj, self.v_proj))
        cos, sin = turns(position_embeddings, n_rows, qkv.dtype)
        if blocks is not None and cache is None:
            mixed: Any = BlockSparseAttention.apply(qkv, cos, sin, self.heads(blocks))
            return self.o_proj(mixed)[None], None
        mixed = self.attend_cached(qkv, cos, sin, attention_mask, cache, n_rows, blocks)
        return self.o_proj(mixed.view(n_rows, n_new, -1)), None

    def attend_cached(
        self,
        qkv: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
        attention_mask: torch.Tensor | None,
        cache: Any,
        n_rows: int,
        blocks: Blocks | None,
    ) -> torch.Tensor:
        """Outputs (B · Q, heads · D) of new tokens, whose keys and values join the cache."""
        n_heads = self.config.num_attention_heads
        n_groups = n_heads // self.num_key_value_groups
        each = qkv.view(len(qkv), -1, self.head_dim)
        turned = _rotated(each[:, : n_heads + n_groups], cos, sin)
        queries, keys = turned.view(n_rows, -1, n_heads + n_groups, self.head_dim).split(
            [n_heads, n_groups], dim=2
        )
        values = each[:, -n_groups:].view(keys.shape)
        keys, values = cache.update(keys.transpose(1, 2), values.transpose(1, 2), self.layer_idx)
        if blocks is not None:
            return _attend(qkv, turned, self.heads(blocks))[0]
        kind: Any = self.config._attn_implementation
        attention: Any = ALL_ATTENTION_FUNCTIONS.get_interface(kind, eager_attention_forward)
        mixed, _ = attention(
            self, queries.transpose(1, 2), keys, values, attention_mask, scaling=self.scaling
        )
        return mixed.reshape(len(qkv), -1)


class BlockSparseAttention(torch.autograd.Function):
    """Rotary positions, then attention of each block's queries to its path's keys; y (N, heads · D)."""

    @staticmethod
    def forward(
        ctx: Any, qkv: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, heads: Heads
    ) -> torch.Tensor:
        mixed, kept = attended(qkv, cos, sin, heads)
        ctx.save_for_backward(*kept)
        ctx.heads = heads
        return mixed

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return attended_gradient(dy, ctx.saved_tensors, ctx.heads), None, None, None


def turns(position_embeddings: Any, n_rows: int, dtype: torch.dtype) -> list[torch.Tensor]:
    """Cosines and sines (B · Q, D) of the tokens' positions, of transformers' (1 or B, Q, D)."""
    return [t.to(dtype).expand(n_rows, -1, -1).flatten(0, 1) for t in position_embeddings]


def attended(
    qkv: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, heads: Heads
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """Outputs (N, heads · D), and what their gradient needs.

    `qkv` (N, (heads + 2 · groups) · D) holds a node's queries, keys and values, `cos` and `sin` (N, D).
    """
    n_nodes, size = cos.shape
    n_groups = (qkv.shape[1] // size - heads.n_heads) // 2
    turned = _rotated(qkv.view(n_nodes, -1, size)[:, : heads.n_heads + n_groups], cos, sin)
    mixed, *blocked = _attend(qkv, turned, heads)
    return mixed, (*blocked, cos, sin)


def attended_gradient(dy: torch.Tensor, kept: Sequence[torch.Tensor], heads: Heads) -> torch.Tensor:
    """With P = softmax(Q·Kᵀ/√D) and dO:  dV = Pᵀ·dO,  dS = P∘(dO·Vᵀ - Σ dO·Vᵀ∘P),  dQ = dS·K,  dK = dSᵀ·Q.

    A node that is key to many blocks gets the sum of what each of them says.
    """
    q, k, v, weights, cos, sin = kept
    n_nodes, size = cos.shape
    n_heads, n_groups = heads.n_heads, len(k) // len(heads.blocks.queries)
    rows: BlockRows = heads.blocks.rows(n_heads, n_groups)
    d_mixed = dy.reshape(-1, size).index_select(0, rows.outputs)
    d_mixed = d_mixed.index_fill_(0, rows.padding, 0).view(q.shape)
    dv = torch.bmm(weights.transpose(1, 2), d_mixed)
    d_scores = torch.bmm(d_mixed, v.transpose(1, 2))
    d_scores = torch.ops.aten._softmax_backward_data(d_scores, weights, -1, weights.dtype)
    dq = torch.bmm(d_scores, k).mul_(heads.scaling)
    dk = torch.bmm(d_scores.transpose(1, 2), q)  # q holds the scale
    d_qkv = dy.new_empty(n_nodes, n_heads + 2 * n_groups, size)
    d_turned = torch.cat(
        [
            dq.view(-1, size).index_select(0, rows.slots).view(n_nodes, n_heads, size),
            rows.summed(dk).view(n_nodes, n_groups, size),
        ],
        dim=1,
    )
    _rotate(d_qkv[:, : n_heads + n_groups], d_turned, cos, -sin)
    d_qkv[:, n_heads + n_groups :] = rows.summed(dv).view(n_nodes, n_groups, size)
    return d_qkv.view(n_nodes, -1)


def _attend(qkv: torch.Tensor, turned: torch.Tensor, heads: Heads) -> tuple[torch.Tensor, ...]:
    """Outputs (N, heads · D) for `turned` queries and keys; the blocks' q, k, v and attention weights."""
    n_nodes, n_turned, size = turned.shape
    blocks, n_heads = heads.blocks, heads.n_heads
    n_groups = n_turned - n_heads
    rows = blocks.rows(n_heads, n_groups)
    flat = turned.view(-1, size)
    n_parts = len(blocks.queries) * n_groups
    q = flat.index_select(0, rows.queries).view(n_parts, -1, size).mul_(heads.scaling)
    k = flat.index_select(0, rows.keys).view(n_parts, -1, size)
    v = qkv.view(-1, size).index_select(0, rows.values).view(k.shape)
    with no_autocast(q):
        scores = torch.baddbmm(blocks.mask(q.dtype, n_heads, n_groups), q, k.transpose(1, 2))
        weights = scores.softmax(-1)
        mixed = torch.bmm(weights, v)
    mixed = mixed.view(-1, size).index_select(0, rows.slots).view(n_nodes, n_heads * size)
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
