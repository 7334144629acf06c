"""BitFit (Ben Zaken et al. 2022): only biases are trained.

Today's models, SmolLM2 among them, have no biases. Those get a new one, zero, on every linear layer of
every decoder layer: W x becomes W x + b, and the tuned model starts as the base.
"""

import torch
from torch import nn

from core.config import MethodConfig
from core.methods.delta import load_delta, save_delta
from core.methods.sharing import shared_copy, with_parameters
from core.models.layers import layer_of

TITLE = "Biases only"


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with its biases trained; with new ones where it has none."""
    del config
    if any(layer_of(name) >= 0 and name.endswith(".bias") for name, _ in model.named_parameters()):
        return with_parameters(model, _bias, train=True)
    tuned = shared_copy(model)
    tuned.requires_grad_(False)
    for name, module in tuned.named_modules():
        if layer_of(name) >= 0 and isinstance(module, nn.Linear):
            zeros = torch.zeros(module.out_features, device=module.weight.device)
            module.bias = nn.Parameter(zeros)
    return tuned


def _bias(name: str, p: nn.Parameter) -> torch.Tensor | None:
    is_bias = layer_of(name) >= 0 and name.endswith(".bias")
    return p.detach().float().clone() if is_bias else None


save = save_delta
load = load_delta
