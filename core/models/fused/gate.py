"""The gate of the feed-forward network. Needs torch."""

import torch
from torch.nn import functional as F


def gated(gate_up: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
    """h = silu(g)·u of g and u side by side (N, 2 · m), and what its gradient needs (SwiGLU, Shazeer 2020)."""
    gate, up = gate_up.chunk(2, dim=-1)
    opened = F.silu(gate)
    return opened * up, (gate_up, opened)


def gated_gradient(dh: torch.Tensor, gate_up: torch.Tensor, opened: torch.Tensor) -> torch.Tensor:
    """(N, 2 · m):  dg = dh·u·silu'(g),  du = dh·silu(g)."""
    gate, up = gate_up.chunk(2, dim=-1)
    d_gate_up = torch.empty_like(gate_up)
    d_gate, d_up = d_gate_up.chunk(2, dim=-1)
    torch.mul(dh, opened, out=d_up)
    torch.ops.aten.silu_backward.grad_input(dh * up, gate, grad_input=d_gate)
    return d_gate_up
