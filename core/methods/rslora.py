"""rsLoRA (Kalajdzievski 2023, section 3): LoRA scaled by alpha / √r instead of alpha / r.

With alpha / r the update shrinks as the rank grows, and a high rank learns no more than a low one; with
the root it keeps its size, so that more rank can help.
"""

from torch import nn

from core.config import MethodConfig
from core.methods.lora import lora_config
from core.methods.through_peft import attach_through_peft, load_through_peft, save_through_peft

TITLE = "rsLoRA"


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with LoRA pairs, their product scaled by alpha / √rank."""
    return attach_through_peft(model, lora_config(model, config, use_rslora=True))


save = save_through_peft
load = load_through_peft
