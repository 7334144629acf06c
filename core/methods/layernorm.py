"""Selective tuning: only the weights of the normalisation layers are trained.

Two vectors per decoder layer and one at the end (Zhao et al. 2023, "Tuning LayerNorm in Attention").
"""

from peft import LNTuningConfig, TaskType
from torch import nn

from core.config import MethodConfig
from core.errors import UserError
from core.methods.through_peft import attach_through_peft, load_through_peft, save_through_peft

TITLE = "Layer norms only"


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with trained copies of its normalisation layers; `UserError` when it has none."""
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
