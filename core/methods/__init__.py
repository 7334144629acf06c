"""Tuning methods, one file each with the same named parts.

    TITLE                       what people call it
    attach(model, config)       a model to train: only what the method trains requires a gradient,
                                and it is float32, whatever the base's dtype
    save(tuned, base, folder)   write the small thing a run leaves behind
    load(base, folder)          the tuned model, for answering

The base model given to a method is never changed: `attach` and `load` return another module that
shares the base's frozen tensors. Taking an adapter away is forgetting the module.
"""

from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

from torch import nn

from core.config import MethodConfig
from core.methods import full, lora, prompt, top_layers


class Method(Protocol):
    """The named parts of a method's module."""

    TITLE: str

    def attach(self, model: nn.Module, config: MethodConfig) -> nn.Module: ...
    def save(self, tuned: nn.Module, base: nn.Module, folder: Path) -> None: ...
    def load(self, base: nn.Module, folder: Path) -> nn.Module: ...


_MODULES: dict[str, ModuleType] = {
    "full": full,
    "top_layers": top_layers,
    "lora": lora,
    "prompt": prompt,
}


def find(name: str) -> Method:
    """The module of a method (`RunConfig` has already refused unknown names)."""
    return cast(Method, _MODULES[name])


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """(trainable, total) numbers; a tensor used twice (tied embeddings) counts once."""
    total = sum(p.numel() for p in model.parameters())
    return sum(p.numel() for p in model.parameters() if p.requires_grad), total


__all__ = ["Method", "count_parameters", "find"]
