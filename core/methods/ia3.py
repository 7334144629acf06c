"""IA³ (Liu et al. 2022, section 3.3): activations are scaled by learned vectors that start at one.

    keys and values:  l ⊙ (W x)        the inner layer of the MLP:  W (l ⊙ x)

One number per output of the key and value matrices and per input of the MLP's last: the least of all
methods here. Where one matrix holds queries, keys and values together, all its outputs are scaled.
"""

from peft import IA3Config, TaskType
from torch import nn

from core.config import MethodConfig
from core.methods.through_peft import (
    attach_through_peft,
    load_through_peft,
    save_through_peft,
)
from core.models.roles import has_transposed, modules_for

TITLE = "IA³"
SCALED = ("key", "value", "down")


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with a scale for keys, values and the MLP's inner activations."""
    del config
    targets = modules_for(model, SCALED)
    peft_config = IA3Config(
        task_type=TaskType.CAUSAL_LM,
        target_modules=targets,
        feedforward_modules=modules_for(model, ("down",)),
        fan_in_fan_out=has_transposed(model, targets),
    )
    return attach_through_peft(model, peft_config)


save = save_through_peft
load = load_through_peft
