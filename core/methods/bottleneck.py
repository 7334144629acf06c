"""The small network of core/methods/adapter. Apart from it, as a class of layers needs torch when it is read."""

import torch
from torch import nn
from torch.nn import functional as F

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
