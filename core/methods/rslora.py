"""rsLoRA (Kalajdzievski 2023, section 3): LoRA scaled by alpha / √r instead of alpha / r.

With alpha / r the update shrinks as the rank grows, and a high rank learns no more than a low one; with
the root it keeps its size, so that more rank can help.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from core.config import MethodConfig, MethodSpec
from core.methods.lora import RANK, count, lora_config, picture
from core.methods.through_peft import attach_through_peft, load_through_peft, save_through_peft

if TYPE_CHECKING:
    from torch import nn

SPEC = MethodSpec(
    name="rslora",
    title="rsLoRA",
    family="reparameterization",
    how="LoRA with another scale, so that a high rank does not make its own change smaller.",
    adds="A and B as in LoRA.",
    formula=r"W' = W + \frac{\alpha}{\sqrt{r}}\, B A",
    paper="Kalajdzievski 2023, section 3",
    symbol="diamond",
    learning_rate=1e-3,
    count=count,
    picture=picture,
    knob=replace(RANK, alpha_follows=False),  # the root keeps the size
    depth="last_layers",
    low_rank=True,
    is_scalable=True,
    is_stackable=True,
)


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with LoRA pairs, their product scaled by alpha / √rank."""
    return attach_through_peft(model, lora_config(model, config, use_rslora=True))


save = save_through_peft
load = load_through_peft
