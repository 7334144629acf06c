"""Selective tuning: only the last k decoder layers are trained, the others stay as they are.

The oldest way to tune less (Yosinski et al. 2014, section 3): early layers hold what many tasks share.
It is also cheaper, as the backward pass ends at the lowest trained layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.config import MethodConfig, MethodSpec
from core.config.specification import IN_LAYER, Count, Knob, Picture, trains_own
from core.errors import UserError
from core.formulas.parameters import trained_layers
from core.methods.delta import load_delta, save_delta
from core.methods.sharing import with_parameters
from core.models.layers import count_layers, layer_of
from core.shape import ModelShape

if TYPE_CHECKING:
    import torch
    from torch import nn


def count(method: MethodConfig, shape: ModelShape) -> Count:
    """All of the last k layers."""
    k = trained_layers(method, shape)
    return Count(
        n=k * shape.layer_parameters,
        symbols="k · parameters per layer",
        numbers=f"{k} · {shape.layer_parameters:,}",
        letters={"k": "decoder layers trained"},
    )


def picture(method: MethodConfig) -> Picture:
    """All of a layer; `depth` says in which."""
    return Picture(trained=IN_LAYER)


SPEC = MethodSpec(
    name="top_layers",
    title="Last layers only",
    family="selective",
    how="Trains the last decoder layers, as the first ones hold what many tasks share.",
    adds="All weights of the last layers are trained; nothing is added.",
    formula=r"W_l' = W_l + \Delta W_l \quad (l > L - k)",
    paper="Yosinski et al. 2014, section 3",
    symbol="triangle-up",
    learning_rate=1e-4,
    count=count,
    picture=picture,
    knob=Knob(
        field="layers",
        words="layers",
        values=(1, 2, 4, 6, 8, 12, 16, 24, 30),
        usual=8,
        value_first=True,
    ),
    depth="layers",
    is_own=trains_own,
)


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """A float32 copy of the parameters of the last `config.layers` layers, trainable.

    Raises `UserError` when the model has fewer layers.
    """
    n_layers = count_layers(model)
    if config.layers > n_layers:
        raise UserError(f"This model has {n_layers} layers; choose at most that many to train.")

    def copied(name: str, p: nn.Parameter) -> torch.Tensor | None:
        return p.detach().float().clone() if layer_of(name) >= n_layers - config.layers else None

    return with_parameters(model, copied, train=True)


save = save_delta
load = load_delta
