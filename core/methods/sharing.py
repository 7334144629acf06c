"""A second module tree over the same tensors: what lets methods leave the base model untouched."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn


def shared_copy(model: nn.Module) -> nn.Module:
    """Copy the modules of `model` but not its parameters and buffers, which both then share.

    Costs milliseconds and no memory to speak of. Replacing a submodule or a parameter of the copy
    does not show in `model`; writing into a shared tensor does.
    """
    shared = {id(t): t for t in (*model.parameters(), *model.buffers())}
    return copy.deepcopy(model, shared)


def with_parameters(
    model: nn.Module, value: Callable[[str, nn.Parameter], torch.Tensor | None], *, train: bool
) -> nn.Module:
    """A shared copy in which the parameters `value` gives a tensor for have it as their own.

    A tied parameter stays tied. With `train`, the new ones require a gradient, and only they; that of a
    matrix stays in the precision of the old one, in which it is computed.
    """
    from torch import nn

    copied = shared_copy(model)
    new: dict[int, nn.Parameter] = {}
    embeddings = {id(m.weight) for m in copied.modules() if isinstance(m, nn.Embedding)}
    for name, old in copied.named_parameters():
        tensor = value(name, old)
        if tensor is None:
            continue
        own = nn.Parameter(tensor, requires_grad=train)
        is_narrower = old.dtype.itemsize < own.dtype.itemsize
        # The gradients of an embedding's rows are added up: those stay wide.
        if train and own.dim() == 2 and is_narrower and id(old) not in embeddings:
            own.grad_dtype = old.dtype
        new[id(old)] = own
    for module in copied.modules():
        for key, old in list(module.named_parameters(recurse=False)):
            if id(old) in new:
                setattr(module, key, new[id(old)])
    return copied


def in_dtype(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """`model` with its trained float32 weights rounded to `dtype`; every other tensor is shared."""
    return with_parameters(
        model, lambda name, p: p.detach().to(dtype) if p.requires_grad else None, train=False
    )


def cast_parameters(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Round what a loaded adapter adds to `dtype`, in place.

    `model.to(dtype)` would round the buffers, too: the rotary embedding's frequencies need float32.
    """
    for p in model.parameters():
        if p.dtype != dtype:
            p.data = p.data.to(dtype)
    return model
