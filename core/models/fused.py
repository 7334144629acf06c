"""A Llama decoder's parts with gradients written by hand.

Transformers composes each part of small operations, and autograd keeps every intermediate and walks
through all of them again. Here a part is one operation with its gradient derived on paper: RMSNorm,
the products to queries, keys and values (with LoRA beside them), and attention over the tiles of a tree.
Same numbers (tests/core/models/test_fused.py: values and gradients in float64), less than half the time
of a training step, and less memory. `fuse` gives a loaded model these parts; whatever they cannot take
(other kinds of layers, adapters, a cache) goes through transformers' own code.
"""

# autograd.Function declares other signatures than it calls; exact types are compared on purpose.
# pyright: reportIncompatibleMethodOverride=false, reportUnnecessaryComparison=false
# pyright: reportPrivateUsage=false

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import nn
from torch.nn import functional as F
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama.modeling_llama import (
    LlamaAttention,
    LlamaDecoderLayer,
    LlamaRMSNorm,
    eager_attention_forward,
)

from core.models.tiles import Places, Tiles

Ctx = Any
"""What autograd hands from forward to backward."""


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
            _lay_together([module.q_proj.weight, module.k_proj.weight, module.v_proj.weight])


def unfuse(model: nn.Module) -> None:
    """Let `model` compute with transformers' own parts again, in place."""
    for module in model.modules():
        if isinstance(module, FUSED):
            module.__class__ = type(module).__bases__[0]


def can_take_tiles(backbone: nn.Module) -> bool:
    return any(isinstance(module, FusedAttention) for module in backbone.modules())


def _is_plain(attention: LlamaAttention) -> bool:
    return attention.q_proj.bias is None and attention.attention_dropout == 0


def product_dtype(x: torch.Tensor) -> torch.dtype:
    """In which precision a linear layer would compute on x."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


# --- RMSNorm -----------------------------------------------------------------------------------------


class FusedNorm(LlamaRMSNorm):
    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        if not torch.is_grad_enabled() and self.weight.dtype is hidden_states.dtype:
            return F.rms_norm(
                hidden_states, self.weight.shape, self.weight, self.variance_epsilon
            ).to(product_dtype(hidden_states))
        out: Any = Norm.apply(hidden_states, self.weight, self.variance_epsilon)
        return out


class Norm(torch.autograd.Function):
    """y = w · x · s with s = 1/√(mean(x²) + ε), over the last dimension (Zhang and Sennrich 2019).

    With g = w · dy:  dx = s·g - x·s³·mean(g·x),  dw = Σ dy·x·s.
    """

    @staticmethod
    def forward(ctx: Ctx, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        wide = _wide(x)
        scale = torch.linalg.vector_norm(wide, dim=-1, keepdim=True).square_()
        scale.div_(x.shape[-1]).add_(eps).rsqrt_()
        ctx.save_for_backward(x, weight, scale)
        return (wide * scale).mul_(weight).to(product_dtype(x))

    @staticmethod
    def backward(ctx: Ctx, dy: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None, None]:
        x, weight, scale = ctx.saved_tensors
        wide, dy = _wide(x), _wide(dy)
        g = (dy * weight).mul_(scale)
        along = (g * wide).mean(-1, keepdim=True).mul_(scale.square())
        dx = torch.addcmul(g, wide, along, value=-1).to(x.dtype)
        if not ctx.needs_input_grad[1]:
            return dx, None, None
        dw = (dy * wide).mul_(scale).reshape(-1, x.shape[-1]).sum(0)
        return dx, dw.to(weight.dtype), None


def _wide(x: torch.Tensor) -> torch.Tensor:
    """At least float32."""
    return x if x.dtype is torch.float64 else x.float()


# --- linear layers -----------------------------------------------------------------------------------


class FusedLinear(nn.Linear):
    """A linear layer with a lighter gradient where it is trained, and packed weights inside `packing`."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if self.bias is not None:
            return super().forward(input)
        if not torch.is_grad_enabled():
            pack = packed([self.weight], product_dtype(input))
            return super().forward(input) if pack is None else product(input, pack)
        if self.weight.requires_grad:
            out: Any = TrainedProduct.apply(input, self.weight)
            return out
        return super().forward(input)


class TrainedProduct(torch.autograd.Function):
    """y = x·Wᵀ, dx = dy·W, and dW = dyᵀ·x in the order of W, where autograd's own would be transposed."""

    @staticmethod
    def forward(ctx: Ctx, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        dtype = product_dtype(x)
        ctx.dtypes = x.dtype, weight.dtype
        x, weight = x.to(dtype), weight.to(dtype)
        ctx.save_for_backward(x, weight)
        with _no_autocast(x):
            return F.linear(x, weight)

    @staticmethod
    def backward(ctx: Ctx, dy: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor]:
        x, weight = ctx.saved_tensors
        dx = (dy @ weight).to(ctx.dtypes[0]) if ctx.needs_input_grad[0] else None
        dw = dy.reshape(-1, dy.shape[-1]).t() @ x.reshape(-1, x.shape[-1])
        return dx, dw.to(ctx.dtypes[1])


@dataclass
class Packing:
    """Packed weights, once it is said that they are worth their making."""

    is_worth: bool = False
    packs: dict[tuple[int, ...], tuple[Any, torch.Tensor]] = field(
        default_factory=dict[tuple[int, ...], tuple[Any, torch.Tensor]]
    )
    """By the weights' identities; they are held, too, so that these stay theirs."""


_packing: ContextVar[Packing | None] = ContextVar("packing", default=None)


@contextmanager
def packing() -> Generator[Packing]:
    """Inside, bf16 weights can be reordered once for oneDNN's kernels, not for every product again.

    For the few rows of one more token each, that takes longer than the product itself: 64 rows took
    333 us instead of 211. To pack a whole model takes 0.14 s, and as much memory again until the end of
    the block; set `is_worth` when enough products are still to come.
    """
    found = Packing()
    token = _packing.set(found)
    try:
        yield found
    finally:
        _packing.reset(token)


def packed(weights: Sequence[torch.Tensor], dtype: torch.dtype) -> torch.Tensor | None:
    """The bf16 weights of one or several layers, stacked and packed; None where that is not worth it."""
    found = _packing.get()
    if found is None or not found.is_worth or dtype is not torch.bfloat16 or not has_packing():
        return None
    if not all(map(_is_packable, weights)):
        return None
    key = tuple(id(weight) for weight in weights)
    if key not in found.packs:
        joined = _joined(weights, dtype).detach()
        found.packs[key] = weights, torch.ops.mkldnn._reorder_linear_weight(joined, ROWS)
    return found.packs[key][1]


def _is_packable(weight: torch.Tensor) -> bool:
    return weight.dtype is torch.bfloat16 and weight.device.type == "cpu"


def product(x: torch.Tensor, pack: torch.Tensor) -> torch.Tensor:
    """x·Wᵀ with W packed, for any number of leading dimensions."""
    y = torch.ops.mkldnn._linear_pointwise(
        x.to(torch.bfloat16).reshape(-1, x.shape[-1]), pack, None, "none", [], ""
    )
    return y.view(*x.shape[:-1], -1)


ROWS = 64
"""The number of rows that packs are made for; they serve any."""


@cache
def has_packing() -> bool:
    """Whether this build of torch has oneDNN with fast bf16 products."""
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


# --- queries, keys and values ------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where a LoRA pair stands: beside rows `start` to `stop` of a joint product."""

    start: int
    stop: int
    rank: int
    scale: float


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
        qkv = self.project(hidden_states.flatten(0, 1))
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

    def project(self, x: torch.Tensor) -> torch.Tensor:
        """(N, d_q + d_k + d_v) queries, keys and values of x (N, d) in one product."""
        weights: list[torch.Tensor] = []
        places: list[Place] = []
        pairs: list[torch.Tensor] = []
        at = 0
        for module in (self.q_proj, self.k_proj, self.v_proj):
            plain = module.base_layer if type(module) is LoraLinear else module
            if type(plain) not in (nn.Linear, FusedLinear) or plain.bias is not None:
                return self._one_by_one(x)
            weights.append(plain.weight)
            if type(module) is LoraLinear and not module.disable_adapters:
                found = _plain_pair(module)
                if found is None:
                    return self._one_by_one(x)
                a, b, scale = found
                pairs += [a, b]
                places.append(Place(at, at + len(b), len(a), scale))
            at += len(plain.weight)
        if torch.is_grad_enabled():
            out: Any = Project.apply(x, places, *weights, *pairs)
            return out
        return _projected(x.to(product_dtype(x)), places, weights, pairs)[0]

    def _one_by_one(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.q_proj(x), self.k_proj(x), self.v_proj(x)], dim=-1)


def _plain_pair(module: LoraLinear) -> tuple[torch.Tensor, torch.Tensor, float] | None:
    """A, B and α/r of the one pair beside a layer; None when there is more to it than that."""
    names = [name for name in module.active_adapters if name in module.lora_A]
    if module.merged or len(names) != 1 or module.lora_variant:
        return None
    (name,) = names
    a, b = module.lora_A[name], module.lora_B[name]
    drops = module.training and type(module.lora_dropout[name]) is not nn.Identity
    if drops or type(a) is not nn.Linear or type(b) is not nn.Linear or b.bias is not None:
        return None
    return a.weight, b.weight, module.scaling[name]


class Project(torch.autograd.Function):
    """y = x·Wᵀ + (x·Aᵀ)·Bᵀ, with W, A and B of several layers stacked, the scale α/r within B.

    dx = dy·W + (dy·B)·A,  dA = (dy·B)ᵀ·x,  dB = dyᵀ·(x·Aᵀ),  dW = dyᵀ·x where W is trained.
    """

    @staticmethod
    def forward(
        ctx: Ctx,
        x: torch.Tensor,
        places: Sequence[Place],
        wq: torch.Tensor,
        wk: torch.Tensor,
        wv: torch.Tensor,
        *pairs: torch.Tensor,
    ) -> torch.Tensor:
        dtype = product_dtype(x)
        ctx.places, ctx.widths = places, [len(wq), len(wk), len(wv)]
        ctx.dtypes = [t.dtype for t in (x, wq, wk, wv, *pairs)]
        y, *kept = _projected(x.to(dtype), places, [wq, wk, wv], pairs)
        ctx.save_for_backward(*kept)
        return y

    @staticmethod
    def backward(ctx: Ctx, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, w, *pair = ctx.saved_tensors
        needs_x, _, needs_w = ctx.needs_input_grad[:3]
        dx = dy @ w if needs_x else None
        found: list[torch.Tensor | None] = [None, None, None]
        if needs_w:
            found = list((dy.t() @ x).split(ctx.widths))
        if pair:
            a, b, z = pair
            dz = dy @ b
            if dx is not None:
                dx.add_(dz @ a)
            da, db = dz.t() @ x, dy.t() @ z
            row = 0
            for place in ctx.places:
                rows = slice(row, row + place.rank)
                found += [da[rows], db[place.start : place.stop, rows] * place.scale]
                row += place.rank
        gradients = [
            None if g is None else g.to(dtype)
            for g, dtype in zip([dx, *found], ctx.dtypes, strict=True)
        ]
        return (gradients[0], None, *gradients[1:])


def _projected(
    x: torch.Tensor,
    places: Sequence[Place],
    weights: Sequence[torch.Tensor],
    pairs: Sequence[torch.Tensor],
) -> tuple[torch.Tensor, ...]:
    """y, and what its gradient needs: x and W, and with pairs A, B and x·Aᵀ."""
    pack = packed(weights, x.dtype)
    with _no_autocast(x):
        w = _joined(weights, x.dtype)
        y = x @ w.t() if pack is None else product(x, pack)
        if not pairs:
            return y, x, w
        a, b = _stacked(places, pairs, len(w), x.dtype)
        z = x @ a.t()
        return y.add_(z @ b.t()), x, w, a, b, z


def _no_autocast(x: torch.Tensor) -> torch.autocast:
    """Everything inside is in the right precision already."""
    return torch.autocast(x.device.type, enabled=False)


def _lay_together(weights: Sequence[torch.Tensor]) -> None:
    """Let (d_i, d_in) weights stand one behind the other in memory, so that they are one matrix, too."""
    rows = torch.cat([weight.data for weight in weights]).split([len(w) for w in weights])
    for weight, own in zip(weights, rows, strict=True):
        weight.data = own


def _joined(weights: Sequence[torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
    """(Σ d_i, d_in) the weights as one matrix: a view where they lie together, else a copy."""
    first = weights[0]
    n_rows, at = 0, first.data_ptr()
    for weight in weights:
        if weight.data_ptr() != at or not weight.is_contiguous() or weight.dtype is not dtype:
            return torch.cat([weight.to(dtype) for weight in weights])
        n_rows += len(weight)
        at += weight.nbytes
    same = all(
        w.untyped_storage().data_ptr() == first.untyped_storage().data_ptr() for w in weights
    )
    if not same:
        return torch.cat(list(weights))
    return first.as_strided((n_rows, first.shape[1]), first.stride())


def _stacked(
    places: Sequence[Place], pairs: Sequence[torch.Tensor], n_rows: int, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """A (Σr, d_in) below each other, and B (n_rows, Σr): each pair's own rows and columns, else 0."""
    a = torch.cat([t.to(dtype) for t in pairs[::2]])
    b = a.new_zeros(n_rows, len(a))
    column = 0
    for place, own in zip(places, pairs[1::2], strict=True):
        b[place.start : place.stop, column : column + place.rank] = own * place.scale
        column += place.rank
    return a, b


# --- attention ---------------------------------------------------------------------------------------


class TileAttention(torch.autograd.Function):
    """Rotary positions, then attention of each tile's queries to its path's keys; y (N, heads · D).

    `qkv` (N, (heads + 2 · groups) · D) holds a node's queries, keys and values, `cos` and `sin` (N, D).
    With P = softmax(Q·Kᵀ/√D) and dO:  dV = Pᵀ·dO,  dS = P∘(dO·Vᵀ - Σ dO·Vᵀ∘P),  dQ = dS·K,  dK = dSᵀ·Q.
    A node that is key to many tiles gets the sum of what each of them says.
    """

    @staticmethod
    def forward(
        ctx: Ctx,
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
    def backward(ctx: Ctx, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
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
    with _no_autocast(q):
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


FUSED = (FusedNorm, FusedLinear, FusedLayer, FusedAttention)
