"""DoRA (Liu et al. 2024, section 4): a matrix is a magnitude times a direction, and both are trained.

    W' = m · (W + (alpha / r)·B·A) / ‖W + (alpha / r)·B·A‖     norm of each output's row

m (d_out parameters per target) starts as ‖W‖, so the tuned model starts as the base. The norm is taken
anew at every step, over the whole matrix: that is what makes it slower than LoRA.
"""

from torch import nn

from core.config import MethodConfig
from core.methods.lora import lora_config
from core.methods.through_peft import attach_through_peft, load_through_peft, save_through_peft

TITLE = "DoRA"


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with LoRA pairs and a trained magnitude for every output of its targets."""
    return attach_through_peft(model, lora_config(model, config, use_dora=True))


save = save_through_peft
load = load_through_peft
