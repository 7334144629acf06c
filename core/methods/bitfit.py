"""BitFit (Ben Zaken et al. 2022): only biases are trained.

Today's models, SmolLM2 among them, have no biases. Those get a new one, zero, on every linear layer of
every decoder layer: W x becomes W x + b, and the tuned model starts as the base.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.config import ROLES, MethodConfig, MethodSpec
from core.config.specification import Count, Picture
from core.methods.delta import load_delta, save_delta
from core.methods.sharing import shared_copy, with_parameters
from core.models.layers import layer_of
from core.shape import ModelShape

if TYPE_CHECKING:
    import torch
    from torch import nn


def count(method: MethodConfig, shape: ModelShape) -> Count:
    """The biases of the decoder layers; where there are none, a new one for every linear layer."""
    linears = shape.linears
    sizes = [linears[name][1] for name in shape.biased or linears]
    if shape.norm_biases:
        sizes += [shape.hidden] * 2
    return Count(
        n=shape.layers * sum(sizes),
        symbols="L · Σ outputs",
        numbers=f"{shape.layers} · ({' + '.join(f'{size:,}' for size in sizes)})",
    )


def picture(method: MethodConfig) -> Picture:
    """A bias at every matrix."""
    return Picture(added=dict.fromkeys(ROLES, ("+ b",)))


SPEC = MethodSpec(
    name="bitfit",
    title="Biases only",
    family="selective",
    how="Trains only the biases, the numbers that shift what a linear layer gives.",
    adds="Models of today have no biases: each linear layer gets a new one that starts at zero.",
    formula=r"y = W x + b",
    paper="Ben Zaken et al. 2022 (BitFit), section 3",
    symbol="triangle-down",
    learning_rate=3e-3,
    count=count,
    picture=picture,
    is_own=lambda shape: bool(shape.biased),
)


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with its biases trained; with new ones where it has none."""
    import torch
    from torch import nn

    del config
    if any(layer_of(name) >= 0 and name.endswith(".bias") for name, _ in model.named_parameters()):
        return with_parameters(model, _bias, train=True)
    tuned = shared_copy(model)
    tuned.requires_grad_(False)
    for name, module in tuned.named_modules():
        if layer_of(name) >= 0 and isinstance(module, nn.Linear):
            zeros = torch.zeros(module.out_features, device=module.weight.device)
            module.bias = nn.Parameter(zeros)
    return tuned


def _bias(name: str, p: nn.Parameter) -> torch.Tensor | None:
    is_bias = layer_of(name) >= 0 and name.endswith(".bias")
    return p.detach().float().clone() if is_bias else None


save = save_delta
load = load_delta
