"""What methods that train the model's own weights leave behind: W' − W, in bf16.

Relative to the change itself that loses little (2⁻⁹), and half the bytes of float32.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from core.methods.sharing import with_parameters

FILE = "delta.safetensors"


def save_delta(tuned: nn.Module, base: nn.Module, folder: Path) -> None:
    """Write W' − W of every parameter that was trained."""
    start = dict(base.named_parameters())
    delta = {
        name: (p.detach() - start[name].detach().float()).to(torch.bfloat16).contiguous()
        for name, p in tuned.named_parameters()
        if p.requires_grad
    }
    save_file(delta, folder / FILE)


def load_delta(base: nn.Module, folder: Path) -> nn.Module:
    """Base plus change, in the base's dtype."""
    delta = load_file(folder / FILE)

    def moved(name: str, p: nn.Parameter) -> torch.Tensor | None:
        if name not in delta:
            return None
        return (p.detach().float() + delta[name].float()).to(p.dtype)

    return with_parameters(base, moved, train=False)
