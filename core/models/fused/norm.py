"""RMSNorm as one operation. Needs torch."""

# autograd.Function declares other signatures than it calls.
# pyright: reportIncompatibleMethodOverride=false

from typing import Any

import torch
from torch.nn import functional as F
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from core.models.fused.precision import product_dtype


class FusedNorm(LlamaRMSNorm):
    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        if not torch.is_grad_enabled() and self.weight.dtype is hidden_states.dtype:
            return F.rms_norm(
                hidden_states, self.weight.shape, self.weight, self.variance_epsilon
            ).to(product_dtype(hidden_states))
        out: Any = Norm.apply(hidden_states, self.weight, self.variance_epsilon)
        return out


class Norm(torch.autograd.Function):
    """y = w · x · s with s = 1/√(mean(x²) + ε), over the last dimension (Zhang and Sennrich 2019)."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        y, scale = normed(x, weight, eps, product_dtype(x))
        ctx.save_for_backward(x, weight, scale)
        return y

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None, None]:
        return *normed_gradient(dy, *ctx.saved_tensors, needs_weight=ctx.needs_input_grad[1]), None


def normed(
    x: torch.Tensor, weight: torch.Tensor, eps: float, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """y in `dtype`, and s (…, 1) at least float32."""
    wide = _wide(x)
    scale = torch.linalg.vector_norm(wide, dim=-1, keepdim=True).square_()
    scale.div_(x.shape[-1]).add_(eps).rsqrt_()
    return (wide * scale).mul_(weight).to(dtype), scale


def normed_gradient(
    dy: torch.Tensor,
    x: torch.Tensor,
    weight: torch.Tensor,
    scale: torch.Tensor,
    *,
    needs_weight: bool,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """With g = w · dy:  dx = s·g - x·s³·mean(g·x),  dw = Σ dy·x·s."""
    wide, dy = _wide(x), _wide(dy)
    g = (dy * weight).mul_(scale)
    along = (g * wide).mean(-1, keepdim=True).mul_(scale.square())
    dx = torch.addcmul(g, wide, along, value=-1).to(x.dtype)
    if not needs_weight:
        return dx, None
    dw = (dy * wide).mul_(scale).reshape(-1, x.shape[-1]).sum(0)
    return dx, dw.to(weight.dtype)


def _wide(x: torch.Tensor) -> torch.Tensor:
    """At least float32."""
    return x if x.dtype is torch.float64 else x.float()
