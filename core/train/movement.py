"""Where in the network tuning moved weights: the relative change of every matrix, layer by layer."""

from typing import Any

import torch
from torch import nn

from core.config import LORA_TARGETS
from core.methods.top_layers import layer_of


@torch.no_grad()
def movement(model: nn.Module, base: nn.Module) -> list[dict[str, Any]]:
    """Rows {"layer", "module", "relative"}: ‖W' − W‖ / ‖W‖ (Frobenius) of each matrix that moved.

    A LoRA pair moves its matrix by (α/r)·BA, whose norm needs no product of full size:
    ‖BA‖² = Σ (BᵀB) ∘ (AAᵀ).
    """
    rows: list[dict[str, Any]] = []
    start = dict(base.named_parameters())
    if hasattr(model, "peft_config"):
        for name, module in model.named_modules():
            if hasattr(module, "lora_A") and len(module.lora_A):  # pyright: ignore[reportArgumentType]
                rows.append(_row(name, _lora_change(module), module.base_layer.weight))  # pyright: ignore
        return rows
    for name, p in model.named_parameters():
        module = name.removesuffix(".weight")
        if p.requires_grad and layer_of(name) >= 0 and module.endswith(LORA_TARGETS):
            change = (p - start[name]).norm()
            rows.append(_row(module, change, start[name]))
    return rows


def _row(name: str, change: torch.Tensor, weight: torch.Tensor) -> dict[str, Any]:
    relative = float(change / weight.float().norm())
    return {"layer": layer_of(name), "module": name.rsplit(".", 1)[-1], "relative": relative}


def _lora_change(module: Any) -> torch.Tensor:
    a, b = module.lora_A["default"].weight.float(), module.lora_B["default"].weight.float()
    squared = ((b.T @ b) * (a @ a.T)).sum().clamp(min=0)
    return module.scaling["default"] * squared.sqrt()
