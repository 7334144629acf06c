"""Several linear layers in one product, with LoRA pairs beside them. Needs torch."""

# Exact types are compared on purpose: another kind of layer does something else.
# pyright: reportIncompatibleMethodOverride=false, reportUnnecessaryComparison=false

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import nn

from core.models.fused.linear import joined
from core.models.fused.precision import no_autocast, product_dtype


@dataclass(frozen=True)
class Place:
    """Where a LoRA pair stands: beside rows `start` to `stop` of a joint product."""

    start: int
    stop: int
    rank: int
    scale: float


@dataclass(frozen=True)
class Product:
    """y = x·Wᵀ + (x·Aᵀ)·Bᵀ, with W, A and B of several layers stacked, the scale α/r within B."""

    weights: list[torch.Tensor]
    pairs: list[torch.Tensor]
    """A and B of the first pair, then of the next."""
    places: list[Place]

    @classmethod
    def of(cls, modules: Sequence[nn.Module]) -> "Product | None":
        """The layers' joint product; None when there is more to one of them than weights and a pair."""
        weights: list[torch.Tensor] = []
        places: list[Place] = []
        pairs: list[torch.Tensor] = []
        at = 0
        for module in modules:
            plain: Any = module.base_layer if type(module) is LoraLinear else module
            if type(plain) is not nn.Linear or plain.bias is not None:
                return None
            weights.append(plain.weight)
            if type(module) is LoraLinear and (module.merged or not module.disable_adapters):
                found = _plain_pair(module)
                if found is None:
                    return None
                a, b, scale = found
                pairs += [a, b]
                places.append(Place(at, at + len(b), len(a), scale))
            at += len(plain.weight)
        return cls(weights, pairs, places)

    @property
    def tensors(self) -> list[torch.Tensor]:
        return [*self.weights, *self.pairs]

    @property
    def is_trained(self) -> bool:
        return any(tensor.requires_grad for tensor in self.tensors)

    def __call__(self, x: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """y (N, Σ d_i) of x (N, d), and what its gradient needs: W; trained, x; with pairs A, B and x·Aᵀ."""
        w = joined(self.weights, x.dtype)
        y = x @ w.t()
        if not self.pairs:
            return y, (w, x) if self.is_trained else (w,)
        a, b = self._stacked(len(w), x.dtype)
        z = x @ a.t()
        return y.addmm_(z, b.t()), (w, x, a, b, z)

    def gradient(
        self, dy: torch.Tensor, kept: Sequence[torch.Tensor], *, needs_x: bool
    ) -> tuple[torch.Tensor | None, list[torch.Tensor | None]]:
        """dx = dy·W + (dy·B)·A; and dW = dyᵀ·x, dA = (dy·B)ᵀ·x, dB = dyᵀ·(x·Aᵀ), in the order of `tensors`."""
        w, *more = kept
        dy = dy.to(w.dtype)
        dx = dy @ w if needs_x else None
        found: list[torch.Tensor | None] = [None] * len(self.weights)
        if any(weight.requires_grad for weight in self.weights):
            dw = (dy.t() @ more[0]).split([len(weight) for weight in self.weights])
            found = [g.to(own.grad_dtype) for g, own in zip(dw, self.weights, strict=True)]
        if self.pairs:
            x, a, b, z = more
            dz = dy @ b
            if dx is not None:
                dx.addmm_(dz, a)
            da, db = dz.t() @ x, dy.t() @ z
            row = 0
            for place, own_a, own_b in zip(
                self.places, self.pairs[::2], self.pairs[1::2], strict=True
            ):
                rows = slice(row, row + place.rank)
                own_db = db[place.start : place.stop, rows].to(own_b.dtype)
                found += [da[rows].to(own_a.dtype), own_db * place.scale]
                row += place.rank
        return dx, found

    def _stacked(self, n_rows: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """A (Σr, d) below each other, and B (n_rows, Σr): each pair's own rows and columns, else 0."""
        a = torch.cat([t.to(dtype) for t in self.pairs[::2]])
        b = a.new_zeros(n_rows, len(a))
        column = 0
        for place, own in zip(self.places, self.pairs[1::2], strict=True):
            columns = slice(column, column + place.rank)
            torch.mul(own, place.scale, out=b[place.start : place.stop, columns])
            column += place.rank
        return a, b


def project(x: torch.Tensor, modules: Sequence[nn.Module]) -> torch.Tensor:
    """(N, Σ d_i) the layers' outputs side by side, of x (N, d), in one product where that is possible."""
    product = Product.of(modules)
    if product is None:
        return torch.cat([module(x) for module in modules], dim=-1)
    out: Any = Project.apply(x, product, *product.tensors)
    return out


class Project(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, product: Product, *tensors: torch.Tensor
    ) -> torch.Tensor:
        del tensors  # autograd's; they are the product's
        ctx.product, ctx.dtype = product, x.dtype
        with no_autocast(x):
            y, kept = product(x.to(product_dtype(x)))
        ctx.save_for_backward(*kept)
        return y

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        dx, found = ctx.product.gradient(dy, ctx.saved_tensors, needs_x=ctx.needs_input_grad[0])
        return (dx if dx is None else dx.to(ctx.dtype), None, *found)


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
