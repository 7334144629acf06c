"""Selective tuning: only the weights of the normalisation layers are trained.

Two vectors per decoder layer and one at the end (Zhao et al. 2023, "Tuning LayerNorm in Attention").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.config import MethodConfig, MethodSpec
from core.config.specification import Count, Picture, trains_own
from core.errors import UserError
from core.methods.through_peft import attach_through_peft, load_through_peft, save_through_peft
from core.shape import ModelShape

if TYPE_CHECKING:
    from torch import nn


def count(method: MethodConfig, shape: ModelShape) -> Count:
    """Two norms in every layer, and the last one."""
    n = 2 * shape.layers + 1
    return Count(
        n=n * shape.norm_parameters,
        symbols="(2 · L + 1) · parameters per norm",
        numbers=f"(2 · {shape.layers} + 1) · {shape.norm_parameters:,}",
    )


def picture(method: MethodConfig) -> Picture:
    """All norms."""
    return Picture(trained=("norm1", "norm2", "norm"))


SPEC = MethodSpec(
    name="layernorm",
    title="Layer norms only",
    family="selective",
    how="Trains only the scales of the normalisation layers.",
    adds="The two norms of every layer and the last one are trained; nothing is added.",
    formula=r"y = g \odot \frac{x}{\mathrm{rms}(x)}",
    paper="Zhao et al. 2023, “Tuning LayerNorm in Attention”",
    symbol="triangle-right",
    learning_rate=3e-3,
    count=count,
    picture=picture,
    is_own=trains_own,
)


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with trained copies of its normalisation layers; `UserError` when it has none."""
    from peft import LNTuningConfig, TaskType

    del config
    norms = {
        name.rsplit(".", 1)[-1]
        for name, module in model.named_modules()
        if type(module).__name__.endswith("Norm")
    }
    if not norms:
        raise UserError("This model has no normalisation layers to train.")
    peft_config = LNTuningConfig(task_type=TaskType.CAUSAL_LM, target_modules=sorted(norms))
    return attach_through_peft(model, peft_config)


save = save_through_peft
load = load_through_peft
