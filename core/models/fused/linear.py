"""Linear layers: several as one matrix, and weights packed for oneDNN. Needs torch."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import nn

from core.models.fused.precision import product_dtype


class FusedLinear(nn.Linear):
    """A linear layer that takes packed weights inside `packing`."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        bias: Any = self.bias
        pack = None
        if bias is None and not torch.is_grad_enabled():
            pack = packed([self.weight], product_dtype(input))
        return super().forward(input) if pack is None else multiply(input, pack)


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
        matrix = joined(weights, dtype).detach()
        found.packs[key] = weights, torch.ops.mkldnn._reorder_linear_weight(matrix, ROWS)
    return found.packs[key][1]


def _is_packable(weight: torch.Tensor) -> bool:
    return weight.dtype is torch.bfloat16 and weight.device.type == "cpu"


def multiply(x: torch.Tensor, pack: torch.Tensor) -> torch.Tensor:
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


def lay_together(weights: Sequence[torch.Tensor]) -> None:
    """Let (d_i, d_in) weights stand one behind the other in memory, so that they are one matrix, too."""
    rows = torch.cat([weight.data for weight in weights]).split([len(w) for w in weights])
    for weight, own in zip(weights, rows, strict=True):
        weight.data = own


def joined(weights: Sequence[torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
    """(Σ d_i, d_in) the weights as one matrix: a view where they lie together, else a copy."""
    first = weights[0]
    n_rows, at = 0, first.data_ptr()
    for weight in weights:
        if weight.data_ptr() != at or not weight.is_contiguous() or weight.dtype is not dtype:
            return _copied(weights, dtype)
        n_rows += len(weight)
        at += weight.nbytes
    same = all(
        w.untyped_storage().data_ptr() == first.untyped_storage().data_ptr() for w in weights
    )
    if not same:
        return _copied(weights, dtype)
    return first.as_strided((n_rows, first.shape[1]), first.stride())


def _copied(weights: Sequence[torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
    rows = [len(weight) for weight in weights]
    matrix = weights[0].new_empty(sum(rows), weights[0].shape[1], dtype=dtype)
    for part, weight in zip(matrix.split(rows), weights, strict=True):
        part.copy_(weight)
    return matrix
