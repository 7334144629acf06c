"""Tuning methods, one file each with the same named parts.

    SPEC                        all that is known of it: texts, formula, default rate, count, picture
    attach(model, config)       a model to train: only what the method trains requires a gradient,
                                and it is float32, whatever the base's dtype
    save(tuned, base, folder)   write the small thing a run leaves behind
    load(base, folder)          the tuned model, for answering

and, where a method needs more than gradients (AdaLoRA):

    follow(tuned, optimizer, n_steps)   what it does after each update
    penalty(tuned)                      what it adds to the loss: `add_gradient()`

The base model given to a method is never changed: `attach` and `load` return another module that
shares the base's frozen tensors. Taking an adapter away is forgetting the module.

Why a file can hold all of it, though a config lies below the methods and the web process has no torch:
what a specification *is*, and the table of them (`METHODS`), belong to core/config. The files here fill the
table, and `core/__init__` imports this package, so it is full before anything reads it. Arrows go one way:
no layer below imports a method, each finds it in the table. And reading these files loads neither torch nor
peft: what needs them imports them inside the function. To add a method, see docs/adding-a-method.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from core.config import METHODS, MethodConfig, MethodSpec
from core.errors import UserError
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

if TYPE_CHECKING:
    import torch
    from torch import nn


class Method(Protocol):
    """The named parts of a method's module."""

    SPEC: MethodSpec

    def attach(self, model: nn.Module, config: MethodConfig) -> nn.Module: ...
    def save(self, tuned: nn.Module, base: nn.Module, folder: Path) -> None: ...
    def load(self, base: nn.Module, folder: Path) -> nn.Module: ...


class Penalty(Protocol):
    def add_gradient(self) -> float:
        """Add its gradient to the trained parameters' `grad`; returns the penalty."""
        ...


MODULES: dict[str, Any] = {}


def add(method: object) -> None:
    """Let the app know a method: a module with the named parts."""
    added = cast(Method, method)
    METHODS[added.SPEC.name] = added.SPEC
    MODULES[added.SPEC.name] = added


for _module in (
    full,
    top_layers,
    bitfit,
    layernorm,
    lora,
    rslora,
    dora,
    adalora,
    adapter,
    ia3,
    prompt,
    prefix,
):
    add(_module)


def find(name: str) -> Method:
    """The module of a method (`RunConfig` has already refused unknown names)."""
    return MODULES[name]


def begin_with(name: str, tuned: nn.Module, base: nn.Module, folder: Path) -> None:
    """Give what a method trains the weights that a run of the same method saved in `folder`.

    `UserError` where these are of another shape.
    """
    import torch

    saved = dict(MODULES[name].load(base, folder).named_parameters())
    with torch.no_grad():
        for part, p in tuned.named_parameters():
            if not p.requires_grad:
                continue
            if part not in saved or saved[part].shape != p.shape:
                raise UserError(
                    "The weights to begin with are of another shape than those of this run."
                )
            p.copy_(saved[part])


def follow(
    name: str, tuned: nn.Module, optimizer: torch.optim.Optimizer, *, n_steps: int, n_done: int = 0
) -> None:
    """Let a method do after each of `n_steps` updates, of which some are done, what it needs to; most need nothing."""
    if hasattr(MODULES[name], "follow"):
        MODULES[name].follow(tuned, optimizer, n_steps=n_steps, n_done=n_done)


def memory_of(name: str, tuned: nn.Module) -> dict[str, object]:
    """What a method remembers from step to step besides its parameters: numbers and tensors. Most remember nothing."""
    module = MODULES[name]
    return module.memory(tuned) if hasattr(module, "memory") else {}


def remember(name: str, tuned: nn.Module, memory: dict[str, object]) -> None:
    """Give a method back what `memory_of` said."""
    if memory:
        MODULES[name].remember(tuned, memory)


def penalty_of(name: str, tuned: nn.Module) -> Penalty | None:
    """What a method itself adds to the loss; most add nothing."""
    module = MODULES[name]
    return module.penalty(tuned) if hasattr(module, "penalty") else None


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """(trainable, total) parameters; a tensor used twice (tied embeddings) counts once."""
    total = sum(p.numel() for p in model.parameters())
    return sum(p.numel() for p in model.parameters() if p.requires_grad), total


__all__ = [
    "Method",
    "Penalty",
    "add",
    "begin_with",
    "count_parameters",
    "find",
    "follow",
    "memory_of",
    "penalty_of",
    "remember",
]
