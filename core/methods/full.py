"""Full fine-tuning: every weight is trained.

Weights are trained in float32 even where the products run in bf16: a step of size 1e-5 on a weight
of 0.1 is below bf16's resolution (8 bits of mantissa) and would be lost. What a run leaves behind is
the change of every weight, W' − W, in bf16: relative to the change itself that loses little.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from core.config import MethodConfig
from core.methods.sharing import shared_copy

TITLE = "Full fine-tuning"
FILE = "delta.safetensors"


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """A float32 copy of every parameter, all trainable."""
    del config
    return _replace(shared_copy(model), lambda name, p: p.detach().float().clone(), train=True)


def save(tuned: nn.Module, base: nn.Module, folder: Path) -> None:
    """Write W' − W of every parameter as bf16."""
    start = dict(base.named_parameters())
    delta = {
        name: (p.detach() - start[name].detach().float()).to(torch.bfloat16).contiguous()
        for name, p in tuned.named_parameters()
    }
    save_file(delta, folder / FILE)


def load(base: nn.Module, folder: Path) -> nn.Module:
    """Base plus change, in the base's dtype."""
    delta = load_file(folder / FILE)
    return _replace(
        shared_copy(base),
        lambda name, p: (p.detach().float() + delta[name].float()).to(p.dtype),
        train=False,
    )


def _replace(
    model: nn.Module, value: Callable[[str, nn.Parameter], torch.Tensor], *, train: bool
) -> nn.Module:
    """Give every parameter of `model` a new tensor; a tied parameter stays tied."""
    new: dict[int, nn.Parameter] = {}
    for name, old in model.named_parameters():
        new[id(old)] = nn.Parameter(value(name, old), requires_grad=train)
    for module in model.modules():
        for key, old in list(module.named_parameters(recurse=False)):
            setattr(module, key, new[id(old)])
    return model
