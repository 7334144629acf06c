"""What all methods that go through `peft` share: a shared copy of the base, float32 for what is trained,
and peft's own files, which plain peft reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import UserError
from core.methods.sharing import cast_parameters, shared_copy
from core.models.layers import count_layers

if TYPE_CHECKING:
    from peft import PeftConfig, PeftModel
    from torch import nn


def attach_through_peft(model: nn.Module, config: PeftConfig) -> PeftModel:
    """`model` with what `config` describes beside it; only that requires a gradient, in float32."""
    from peft import get_peft_model

    causal: Any = shared_copy(model)
    causal.requires_grad_(False)
    tuned: Any = get_peft_model(causal, config)
    for parameter in tuned.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return tuned


def save_through_peft(tuned: nn.Module, base: nn.Module, folder: Path) -> None:
    """Write the adapter as plain peft reads it."""
    del base
    adapter: Any = tuned
    adapter.save_pretrained(str(folder))


def load_through_peft(base: nn.Module, folder: Path) -> nn.Module:
    """Base plus adapter, not merged, in the base's dtype."""
    from peft import PeftModel

    causal: Any = shared_copy(base)
    first = next(base.parameters())
    tuned = PeftModel.from_pretrained(causal, str(folder), torch_device=str(first.device))
    return cast_parameters(tuned, first.dtype).eval()


def last_layer_numbers(model: nn.Module, n: int) -> list[int] | None:
    """The numbers of the last `n` decoder layers; None, which peft reads as all, for n = 0.

    Raises `UserError` when the model has fewer.
    """
    if n == 0:
        return None
    n_layers = count_layers(model)
    if n > n_layers:
        raise UserError(f"This model has {n_layers} layers; choose at most that many to train.")
    return list(range(n_layers - n, n_layers))
