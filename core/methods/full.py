"""Full fine-tuning: every weight is trained.

Weights are trained in float32 even where the products run in bf16: a step of size 1e-5 on a weight
of 0.1 is below bf16's resolution (8 bits of mantissa) and would be lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.config import MethodConfig, MethodSpec
from core.config.specification import PLACES, Count, Picture, trains_own
from core.methods.delta import load_delta, save_delta
from core.methods.sharing import with_parameters
from core.shape import ModelShape, total_parameters

if TYPE_CHECKING:
    from torch import nn


def count(method: MethodConfig, shape: ModelShape) -> Count:
    """All there are."""
    d, norm = shape.hidden, shape.norm_parameters
    return Count(
        n=total_parameters(shape),
        symbols="vectors · d + L · parameters per layer + last norm",
        numbers=f"{shape.embeddings:,} · {d:,} + {shape.layers} · {shape.layer_parameters:,} + {norm:,}",
    )


def picture(method: MethodConfig) -> Picture:
    """Everything."""
    return Picture(trained=PLACES)


SPEC = MethodSpec(
    name="full",
    title="Full fine-tuning",
    family="full",
    how="Trains every weight.",
    adds="Everything is trained; nothing is added.",
    formula=r"W' = W + \Delta W",
    paper="the usual way before the others",
    symbol="circle",
    learning_rate=5e-5,
    count=count,
    picture=picture,
    is_own=trains_own,
    has_large_gradients=True,
    has_large_artifact=True,
)


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """A float32 copy of every parameter, all trainable."""
    import torch

    del config

    def own(name: str, p: nn.Parameter) -> torch.Tensor:
        return p.detach().to(torch.float32, copy=True)

    tuned: Any = with_parameters(model, own, train=True)
    embedding, head = tuned.get_input_embeddings(), tuned.get_output_embeddings()
    # A batch reads few rows. Where the head shares them, and gives all rows a gradient anyway, theirs
    # is added as so many rows; a second gradient of the whole table, mostly zeros, took a tenth of a step.
    embedding.sparse = embedding.weight is head.weight
    return tuned


save = save_delta
load = load_delta
