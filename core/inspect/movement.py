"""Where in the network tuning moved weights: the relative change of every matrix, layer by layer."""

from typing import Any

import torch
from peft import PeftType
from torch import nn

from core.events import MatrixMovement
from core.methods.merge import weight_changes
from core.models.layers import layer_of
from core.models.roles import matrices_of, role_name


@torch.no_grad()
def movement(
    model: nn.Module, base: nn.Module, *, norms: dict[str, torch.Tensor] | None = None
) -> list[MatrixMovement]:
    """‖W' − W‖ / ‖W‖ of each matrix that moved. `norms` remembers ‖W‖, by name, for the next look.

    A LoRA pair moves its matrix by (α/r)·BA, whose norm needs no product of full size:
    ‖BA‖² = Σ (BᵀB) ∘ (AAᵀ).
    """
    known, norms = matrices_of(base), {} if norms is None else norms
    if _is_plain_lora(model):
        return [
            _row(name, _lora_change(module), module.base_layer.weight, norms)  # pyright: ignore
            for name, module in model.named_modules()
            if hasattr(module, "lora_A") and len(module.lora_A)  # pyright: ignore[reportArgumentType]
        ]

    def is_known(name: str) -> bool:
        return role_name(name.removesuffix(".weight")) in known

    return [
        _row(name.removesuffix(".weight"), change.norm(), weight, norms)
        for name, change, weight in weight_changes(model, base, wanted=is_known)
    ]


def _is_plain_lora(model: nn.Module) -> bool:
    found: Any = getattr(model, "peft_config", {}).get("default")
    return found is not None and found.peft_type == PeftType.LORA and not found.use_dora


def _row(
    name: str, change: torch.Tensor, weight: torch.Tensor, norms: dict[str, torch.Tensor]
) -> MatrixMovement:
    if name not in norms:
        norms[name] = weight.float().norm()
    relative = float(change / norms[name])
    return MatrixMovement(layer=layer_of(name), module=role_name(name), relative=relative)


def _lora_change(module: Any) -> torch.Tensor:
    a, b = module.lora_A["default"].weight.float(), module.lora_B["default"].weight.float()
    squared = ((b.T @ b) * (a @ a.T)).sum().clamp(min=0)
    return module.scaling["default"] * squared.sqrt()
