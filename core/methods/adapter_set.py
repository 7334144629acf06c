"""Several LoRA adapters beside one base in memory, switched or combined in milliseconds.

With weights w₁, w₂, … the layers compute W x + Σ wᵢ · (α/r)ᵢ · Bᵢ (Aᵢ x): no weight is written, and no
tensor of the base is copied.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import nn

from core.config import METHODS
from core.errors import UserError
from core.methods.sharing import cast_parameters, shared_copy


class AdapterSet:
    """One base with LoRA adapters hung beside it, by name."""

    def __init__(self, base: nn.Module, folders: Mapping[str, Path]) -> None:
        if not folders:
            raise UserError("Choose at least one adapter to load.")
        self.base, self.names = base, tuple(folders)
        first = next(base.parameters())
        tuned: Any = None
        for name, folder in folders.items():
            if tuned is None:
                tuned = PeftModel.from_pretrained(
                    shared_copy(base),  # pyright: ignore[reportArgumentType]
                    str(folder),
                    adapter_name=name,
                    torch_device=str(first.device),
                )
            else:
                tuned.load_adapter(str(folder), adapter_name=name, torch_device=str(first.device))
        cast_parameters(tuned, first.dtype)
        self.tuned: PeftModel = tuned.eval()
        self.layers = [m for m in self.tuned.modules() if isinstance(m, LoraLayer)]
        self.scaling = [dict(layer.scaling) for layer in self.layers]

    def adapter_bytes(self, name: str) -> int:
        """What one adapter takes in memory."""
        parts = (p for n, p in self.tuned.named_parameters() if f".{name}." in n)
        return sum(p.numel() * p.element_size() for p in parts)

    @property
    def base_bytes(self) -> int:
        return sum(p.numel() * p.element_size() for p in self.base.parameters())

    def switch(self, weights: Mapping[str, float]) -> float:
        """Make the adapters with these weights answer, none of them for an empty mapping.

        Returns the seconds it took. Raises `UserError` for an adapter that is not loaded.
        """
        if missing := [name for name in weights if name not in self.names]:
            raise UserError(f"The adapter {missing[0]} is not loaded.")
        start = time.perf_counter()
        for layer, usual in zip(self.layers, self.scaling, strict=True):
            active = [name for name in weights if name in usual]
            layer._active_adapter = active  # pyright: ignore[reportPrivateUsage]
            for name in active:
                layer.scaling[name] = weights[name] * usual[name]
        return time.perf_counter() - start


def scaled(tuned: nn.Module, scale: float) -> nn.Module:
    """A shared copy of a LoRA model whose change of the weights is `scale` times as large.

    1 is as trained, 0 the base, below 0 the opposite of what was learned. Raises `UserError` for
    methods without such a scale, DoRA among them.
    """
    copied = shared_copy(tuned)
    layers = [m for m in copied.modules() if isinstance(m, LoraLayer)]
    if not layers or any(getattr(layer, "use_dora", {}).get("default") for layer in layers):
        *first, last = [spec.title for spec in METHODS.values() if spec.is_scalable]
        raise UserError(f"Only a {', '.join(first)} or {last} run can be scaled.")
    for layer in layers:
        for name in layer.scaling:
            layer.scaling[name] *= scale
    return copied
