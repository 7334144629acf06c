"""Queries, keys and values in one product, with LoRA pairs beside them. Needs torch."""

# Exact types are compared on purpose: another kind of layer does something else.
# pyright: reportIncompatibleMethodOverride=false, reportUnnecessaryComparison=false

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import nn

from core.models.fused.linear import FusedLinear, joined, packed, product
from core.models.fused.precision import no_autocast, product_dtype


@dataclass(frozen=True)
class Place:
    """Where a LoRA pair stands: beside rows `start` to `stop` of a joint product."""

    start: int
    stop: int
    rank: int
    scale: float


def project(x: torch.Tensor, modules: Sequence[nn.Module]) -> torch.Tensor:
    """(N, d_q + d_k + d_v) queries, keys and values of x (N, d) in one product."""
    weights: list[torch.Tensor] = []
    places: list[Place] = []
    pairs: list[torch.Tensor] = []
    at = 0
    for module in modules:
        plain: Any = module.base_layer if type(module) is LoraLinear else module
        if type(plain) not in (nn.Linear, FusedLinear) or plain.bias is not None:
            return torch.cat([module(x) for module in modules], dim=-1)
        weights.append(plain.weight)
        if type(module) is LoraLinear and (module.merged or not module.disable_adapters):
            found = _plain_pair(module)
            if found is None:
                return torch.cat([module(x) for module in modules], dim=-1)
            a, b, scale = found
            pairs += [a, b]
            places.append(Place(at, at + len(b), len(a), scale))
        at += len(plain.weight)
    if torch.is_grad_enabled():
        out: Any = Project.apply(x, places, *weights, *pairs)
        return out
    return _projected(x.to(product_dtype(x)), places, weights, pairs)[0]


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
        ctx: Any,
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
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
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
    with no_autocast(x):
        w = joined(weights, x.dtype)
        y = x @ w.t() if pack is None else product(x, pack)
        if not pairs:
            return y, x, w
        a, b = _stacked(places, pairs, len(w), x.dtype)
        z = x @ a.t()
        return y.add_(z @ b.t()), x, w, a, b, z


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
