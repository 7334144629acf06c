"""LoRA (Hu et al. 2021, section 4.1): W stays frozen, beside it B·A of rank r is trained.

    W x  becomes  W x + (alpha / r) · B (A x),   A: (r, d_in) random, B: (d_out, r) zero

so the tuned model starts as the base model, and r·(d_in + d_out) parameters are trained per target.
"""

from peft import LoraConfig, TaskType
from torch import nn

from core.config import MethodConfig
from core.methods.through_peft import (
    attach_through_peft,
    last_layer_numbers,
    load_through_peft,
    save_through_peft,
)
from core.models.roles import has_transposed, modules_for

TITLE = "LoRA"


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with LoRA pairs beside its targets. Draws A from torch's current seed."""
    return attach_through_peft(model, lora_config(model, config))


def lora_config(
    model: nn.Module, config: MethodConfig, *, use_rslora: bool = False, use_dora: bool = False
) -> LoraConfig:
    """peft's settings of LoRA and its variants; `UserError` for targets the model lacks."""
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
