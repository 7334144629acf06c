"""Bottleneck adapters (Houlsby et al. 2019, section 2.1): two small networks in every decoder layer.

    y  becomes  y + W_up · gelu(W_down y + b_down) + b_up,   W_down: (m, d), W_up: (d, m) zero

one after the attention's output and one after the MLP's, each before it joins the residual stream.
The paper also trains the layer norms; here they stay frozen, so that the adapters' own effect is seen.
peft has no such adapter.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from core.config import MethodConfig
from core.methods.sharing import cast_parameters, shared_copy
from core.models.layers import layer_of
from core.models.roles import modules_for, role_name

TITLE = "Bottleneck adapters"
FILE = "adapter.safetensors"
ENDS = ("output", "down")
"""What attention and MLP end with."""
INITIAL_STD = 1e-2
"""Of W_down (Houlsby et al. 2019, section 3.6)."""


class Adapted(nn.Module):
    """A layer with a bottleneck of width m after it; both of width d."""

    def __init__(self, layer: nn.Module, d: int, m: int) -> None:
        super().__init__()
        self.layer = layer
        self.down, self.up = nn.Linear(d, m), nn.Linear(m, d)
        nn.init.normal_(self.down.weight, std=INITIAL_STD)
        for zero in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(zero)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(…, d_in) -> (…, d)"""
        y = self.layer(x)
        return y + self.up(F.gelu(self.down(y))).to(y.dtype)


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with an adapter after the attention and after the MLP of every layer."""
    tuned = _with_adapters(model, config.bottleneck)
    for name, parameter in tuned.named_parameters():
        parameter.requires_grad_(_is_own(name))
    return tuned


def save(tuned: nn.Module, base: nn.Module, folder: Path) -> None:
    """Write the adapters' weights, in float32."""
    del base
    own = {name: p.detach().contiguous() for name, p in tuned.named_parameters() if _is_own(name)}
    save_file(own, folder / FILE)


def load(base: nn.Module, folder: Path) -> nn.Module:
    """Base plus adapters, in the base's dtype."""
    saved = load_file(folder / FILE)
    width = next(t for name, t in saved.items() if name.endswith("down.weight")).shape[0]
    tuned = _with_adapters(base, width)
    tuned.load_state_dict(saved, strict=False)
    return cast_parameters(tuned, next(base.parameters()).dtype).eval()


def _with_adapters(model: nn.Module, width: int) -> nn.Module:
    tuned = shared_copy(model)
    first = next(model.parameters())
    outputs = modules_for(model, ENDS)
    ends = [
        name
        for name, _ in tuned.named_modules()
        if layer_of(name) >= 0 and role_name(name) in outputs
    ]
    for name in ends:
        parent, _, last = name.rpartition(".")
        layer = tuned.get_submodule(name)
        d = tuned.config.hidden_size  # pyright: ignore
        setattr(tuned.get_submodule(parent), last, Adapted(layer, d, width).to(first.device))  # pyright: ignore
    return tuned


def _is_own(name: str) -> bool:
    return ".down." in name or ".up." in name
