"""What methods that train the model's own weights leave behind: W' − W, in bf16.

Relative to the change itself that loses little (2⁻⁹), and half the bytes of float32. A parameter that
the base does not have (a new bias) counts as zero there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.methods.sharing import with_parameters

if TYPE_CHECKING:
    import torch
    from torch import nn

FILE = "delta.safetensors"


def save_delta(tuned: nn.Module, base: nn.Module, folder: Path) -> None:
    """Write W' − W of every parameter that was trained."""
    import torch
    from safetensors.torch import save_file

    start = dict(base.named_parameters())
    delta = {
        name: _change(p, start.get(name)).to(torch.bfloat16).contiguous()
        for name, p in tuned.named_parameters()
        if p.requires_grad
    }
    save_file(delta, folder / FILE)


def load_delta(base: nn.Module, folder: Path) -> nn.Module:
    """Base plus change, in the base's dtype."""
    from safetensors.torch import load_file
    from torch import nn

    delta = load_file(folder / FILE)

    def moved(name: str, p: nn.Parameter) -> torch.Tensor | None:
        if name not in delta:
            return None
        return (p.detach().float() + delta[name].float()).to(p.dtype)

    tuned = with_parameters(base, moved, train=False)
    dtype, known = next(base.parameters()).dtype, dict(base.named_parameters())
    for name in delta.keys() - known.keys():
        module, _, last = name.rpartition(".")
        value = nn.Parameter(delta[name].to(dtype), requires_grad=False)
        setattr(tuned.get_submodule(module), last, value)
    return tuned


def _change(p: torch.Tensor, start: torch.Tensor | None) -> torch.Tensor:
    return p.detach() if start is None else p.detach() - start.detach().float()
