"""Tuning methods, one file each with the same named parts.

    TITLE                       what people call it
    attach(model, config)       a model to train: only what the method trains requires a gradient,
                                and it is float32, whatever the base's dtype
    save(tuned, base, folder)   write the small thing a run leaves behind
    load(base, folder)          the tuned model, for answering

and, where a method needs more than gradients (AdaLoRA):

    follow(tuned, optimizer, n_steps)   what it does after each update
    penalty(tuned)                      what it adds to the loss: `add_gradient()`

The base model given to a method is never changed: `attach` and `load` return another module that
shares the base's frozen tensors. Taking an adapter away is forgetting the module.
"""

from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

import torch
from torch import nn

from core.config import MethodConfig
from core.methods import (
    adalora,
    adapter,
    bitfit,
    dora,
    full,
    ia3,
    layernorm,
    lora,
    prefix,
    prompt,
    rslora,
    top_layers,
)


class Method(Protocol):
    """The named parts of a method's module."""

    TITLE: str

    def attach(self, model: nn.Module, config: MethodConfig) -> nn.Module: ...
    def save(self, tuned: nn.Module, base: nn.Module, folder: Path) -> None: ...
    def load(self, base: nn.Module, folder: Path) -> nn.Module: ...


class Penalty(Protocol):
    def add_gradient(self) -> float:
        """Add its gradient to the trained parameters' `grad`; returns the penalty."""
        ...


_MODULES: dict[str, ModuleType] = {
    "full": full,
    "top_layers": top_layers,
    "bitfit": bitfit,
    "layernorm": layernorm,
    "lora": lora,
    "rslora": rslora,
    "dora": dora,
    "adalora": adalora,
    "adapter": adapter,
    "ia3": ia3,
    "prompt": prompt,
    "prefix": prefix,
}


def find(name: str) -> Method:
    """The module of a method (`RunConfig` has already refused unknown names)."""
    return cast(Method, _MODULES[name])


def follow(name: str, tuned: nn.Module, optimizer: torch.optim.Optimizer, *, n_steps: int) -> None:
    """Let a method do after each of `n_steps` updates what it needs to; most need nothing."""
    if hasattr(_MODULES[name], "follow"):
        _MODULES[name].follow(tuned, optimizer, n_steps=n_steps)


def penalty_of(name: str, tuned: nn.Module) -> Penalty | None:
    """What a method itself adds to the loss; most add nothing."""
    module = _MODULES[name]
    return module.penalty(tuned) if hasattr(module, "penalty") else None


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """(trainable, total) parameters; a tensor used twice (tied embeddings) counts once."""
    total = sum(p.numel() for p in model.parameters())
    return sum(p.numel() for p in model.parameters() if p.requires_grad), total


__all__ = ["Method", "Penalty", "count_parameters", "find", "follow", "penalty_of"]
