"""The weights of several linear layers as one matrix. Needs torch."""

from collections.abc import Sequence

import torch


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
