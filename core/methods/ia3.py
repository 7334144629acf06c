"""IA³ (Liu et al. 2022, section 3.3): activations are scaled by learned vectors that start at one.

    keys and values:  l ⊙ (W x)        the inner layer of the MLP:  W (l ⊙ x)

One number per output of k_proj and v_proj and per input of down_proj: the least of all methods here.
"""

from peft import IA3Config, TaskType
from torch import nn

from core.config import MethodConfig
from core.methods.through_peft import (
    attach_through_peft,
    check_targets,
    load_through_peft,
    save_through_peft,
)

TITLE = "IA³"
TARGETS, FEEDFORWARD = ["k_proj", "v_proj", "down_proj"], ["down_proj"]


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with a scale for keys, values and the MLP's inner activations."""
    del config
    check_targets(model, TARGETS, TITLE)
    peft_config = IA3Config(
        task_type=TaskType.CAUSAL_LM, target_modules=TARGETS, feedforward_modules=FEEDFORWARD
    )
    return attach_through_peft(model, peft_config)


save = save_through_peft
load = load_through_peft
