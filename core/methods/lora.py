"""LoRA (Hu et al. 2021, section 4.1): W stays frozen, beside it B·A of rank r is trained.

    W x  becomes  W x + (alpha / r) · B (A x),   A: (r, d_in) random, B: (d_out, r) zero

so the tuned model starts as the base model, and r·(d_in + d_out) parameters are trained per target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.config import MethodConfig, MethodSpec
from core.config.specification import Count, Knob, Picture
from core.formulas.parameters import per_target
from core.methods.through_peft import (
    attach_through_peft,
    last_layer_numbers,
    load_through_peft,
    save_through_peft,
)
from core.models.roles import has_transposed, modules_for
from core.shape import ModelShape

if TYPE_CHECKING:
    from peft import LoraConfig
    from torch import nn

RANK = Knob(
    field="rank", words="rank", values=(1, 2, 4, 8, 16, 32, 64), usual=8, alpha_follows=True
)


def count(method: MethodConfig, shape: ModelShape) -> Count:
    """A: (r, inputs) and B: (outputs, r) beside every target."""
    r = method.rank
    return per_target(
        method,
        shape,
        "r · (inputs + outputs)",
        lambda i, o: (r * (i + o), f"{r} · ({i:,} + {o:,})"),
    )


def picture(method: MethodConfig) -> Picture:
    """A and B beside every target."""
    return Picture(added=dict.fromkeys(method.target_modules, ("A", "B")))


SPEC = MethodSpec(
    name="lora",
    title="LoRA",
    family="reparameterization",
    how="Writes the change of a matrix as a product of two thin ones, which need few parameters.",
    adds="A and B stand beside q and v of every layer. B starts at zero.",
    formula=r"W' = W + \frac{\alpha}{r}\, B A",
    paper="Hu et al. 2021, section 4.1",
    symbol="square",
    learning_rate=1e-3,
    count=count,
    picture=picture,
    knob=RANK,
    depth="last_layers",
    low_rank=True,
    is_scalable=True,
    is_stackable=True,
)


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with LoRA pairs beside its targets. Draws A from torch's current seed."""
    return attach_through_peft(model, lora_config(model, config))


def lora_config(
    model: nn.Module, config: MethodConfig, *, use_rslora: bool = False, use_dora: bool = False
) -> LoraConfig:
    """peft's settings of LoRA and its variants; `UserError` for targets the model lacks."""
    from peft import LoraConfig, TaskType

    targets = modules_for(model, config.target_modules)
    return LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=config.rank,
        lora_alpha=config.alpha,  # pyright: ignore[reportArgumentType]
        target_modules=targets,
        fan_in_fan_out=has_transposed(model, targets),
        layers_to_transform=last_layer_numbers(model, config.last_layers),
        lora_dropout=config.dropout,
        bias="none",
        use_rslora=use_rslora,
        use_dora=use_dora,
    )


save = save_through_peft
load = load_through_peft
