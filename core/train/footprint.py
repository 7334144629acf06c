"""What one optimizer step really keeps in memory, measured from its tensors."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from core.events import Memory

Storages = dict[tuple[int, int], int]
"""Bytes of each storage, by its address and size; a view shares the storage of what it views."""


class Footprint:
    """Filled while a step runs inside `measured`."""

    def __init__(self, model: nn.Module) -> None:
        self.parameters = list(model.parameters())
        self.kept: Storages = {}
        self.gradient_bytes = 0
        self.optimizer_bytes = 0

    def event(self, *, step: int, n_tokens: int) -> Memory:
        return Memory(
            step=step,
            frozen_bytes=_total(p for p in self.parameters if not p.requires_grad),
            trained_bytes=_total(p for p in self.parameters if p.requires_grad),
            gradient_bytes=self.gradient_bytes,
            optimizer_bytes=self.optimizer_bytes,
            activation_bytes=sum(self.kept.values()),
            n_tokens=n_tokens,
        )


@contextmanager
def measured(model: nn.Module, optimizer: torch.optim.Optimizer) -> Generator[Footprint]:
    """Measure the first step taken inside: what autograd keeps, the gradients, the optimizer's state.

    Kept are the tensors that the forward pass saves for the backward pass, each storage once, without
    the parameters themselves. A step's peak is a little higher: the backward pass has temporaries.
    """
    found = Footprint(model)
    own = {p.untyped_storage().data_ptr() for p in found.parameters}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found.kept[storage.data_ptr(), storage.nbytes()] = storage.nbytes()
        return tensor

    def after_update(updated: torch.optim.Optimizer, *_: Any) -> None:
        found.gradient_bytes = _total(p.grad for p in found.parameters if p.grad is not None)
        states = (value for state in updated.state.values() for value in state.values())
        found.optimizer_bytes = _total(value for value in states if torch.is_tensor(value))

    hook = optimizer.register_step_post_hook(after_update)
    try:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            yield found
    finally:
        hook.remove()


def _total(tensors: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
