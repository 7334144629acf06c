"""AdamW over what a method trains. Gradients of bf16 products stay in bf16 until their update.

A product in bf16 gives its weight's gradient in bf16. To keep that in float32 for a whole model is to write
and read twice as much, several times a step; so each is widened alone, just before its update. Weights and
both moments are float32 all the time.
"""

# torch's fused update and its norms of many tensors have no public names.
# pyright: reportPrivateUsage=false, reportPrivateImportUsage=false

from collections.abc import Callable, Generator
from contextlib import contextmanager

import torch
from torch import nn


class AdamW(torch.optim.AdamW):
    """AdamW, its update fused into one pass over memory; a gradient may be narrower than its weights."""

    def __init__(self, trainable: list[nn.Parameter], *, weight_decay: float) -> None:
        super().__init__(trainable, lr=0.0, weight_decay=weight_decay, fused=True)
        self.grad_scale: torch.Tensor | None = None
        """What the update divides gradients by, as torch's fused AdamW reads it."""

    def clip(self, clip_norm: float) -> torch.Tensor:
        """Shorten the gradient to `clip_norm` where it is longer; returns its norm before.

        As `torch.nn.utils.clip_grad_norm_`, but the update shortens it: that saves a pass over memory.
        """
        gradients = [p.grad for p in self._trained() if p.grad is not None]
        norms = torch._foreach_norm(gradients)  # each in its own precision
        norm = torch.linalg.vector_norm(torch.stack([one.float() for one in norms]))
        self.grad_scale = (norm + 1e-6) / clip_norm if norm > clip_norm else None
        return norm

    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Update all weights; those with narrow gradients one after the other."""
        del closure
        narrow = [p for p in self._trained() if p.grad is not None and p.grad.dtype != p.dtype]
        with torch.no_grad():
            for p in narrow:
                self._update(p)
        with _without_gradients(narrow):
            _without_hooks(torch.optim.AdamW.step)(self)

    def _trained(self) -> list[nn.Parameter]:
        return [p for group in self.param_groups for p in group["params"] if p.grad is not None]

    def _update(self, p: nn.Parameter) -> None:
        (group,) = self.param_groups
        assert p.grad is not None
        state = self.state[p]
        if not state:
            state["step"] = torch.zeros((), device=p.device)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
        state["step"] += 1
        beta1, beta2 = group["betas"]
        torch._fused_adamw_(
            [p],
            [p.grad.to(p.dtype)],
            [state["exp_avg"]],
            [state["exp_avg_sq"]],
            [],
            [state["step"]],
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
            grad_scale=self.grad_scale,
        )


def _without_hooks(step: Callable[..., None]) -> Callable[..., None]:
    """torch makes each class's `step` call an optimizer's hooks: this module's, and its own `AdamW.step` as well as soon
    as anybody makes a plain one. They are to be called once."""
    return getattr(step, "__wrapped__", step) if getattr(step, "hooked", False) else step


@contextmanager
def _without_gradients(parameters: list[nn.Parameter]) -> Generator[None]:
    """Inside, these have no gradient."""
    kept = [p.grad for p in parameters]
    for p in parameters:
        p.grad = None
    try:
        yield
    finally:
        for p, gradient in zip(parameters, kept, strict=True):
            p.grad = gradient
