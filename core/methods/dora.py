"""DoRA (Liu et al. 2024, section 4): a matrix is a magnitude times a direction, and both are trained.

    W' = m · (W + (alpha / r)·B·A) / ‖W + (alpha / r)·B·A‖     norm of each output's row

m (d_out parameters per target) starts as ‖W‖, so the tuned model starts as the base. The norm is taken
anew at every step, over the whole matrix: that is what makes it slower than LoRA.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.config import MethodConfig, MethodSpec
from core.config.specification import Count, Picture
from core.formulas.parameters import per_target
from core.methods.lora import RANK, lora_config
from core.methods.through_peft import attach_through_peft, load_through_peft, save_through_peft
from core.shape import ModelShape

if TYPE_CHECKING:
    from torch import nn


def count(method: MethodConfig, shape: ModelShape) -> Count:
    """LoRA's pairs, and a magnitude for every output."""
    r = method.rank
    return per_target(
        method,
        shape,
        "(r · (inputs + outputs) + outputs)",
        lambda i, o: (r * (i + o) + o, f"{r} · ({i:,} + {o:,}) + {o:,}"),
    )


def picture(method: MethodConfig) -> Picture:
    """A, B and m beside every target."""
    return Picture(added=dict.fromkeys(method.target_modules, ("A", "B", "m")))


SPEC = MethodSpec(
    name="dora",
    title="DoRA",
    family="reparameterization",
    how="Splits a matrix into length and direction: LoRA turns the direction, m sets the length.",
    adds="A and B as in LoRA, and a length m for every output of q and v.",
    formula=r"W' = m \odot \frac{W + \frac{\alpha}{r} B A}{\lVert W + \frac{\alpha}{r} B A \rVert}",
    paper="Liu et al. 2024, section 4",
    symbol="pentagon",
    learning_rate=1e-3,
    count=count,
    picture=picture,
    knob=RANK,
    depth="last_layers",
    low_rank=True,
)


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with LoRA pairs and a trained magnitude for every output of its targets."""
    return attach_through_peft(model, lora_config(model, config, use_dora=True))


save = save_through_peft
load = load_through_peft
