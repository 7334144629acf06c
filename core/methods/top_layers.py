"""Selective tuning: only the last k decoder layers are trained, the others stay as they are.

The oldest way to tune less (Yosinski et al. 2014, section 3): early layers hold what many tasks share.
It is also cheaper, as the backward pass ends at the lowest trained layer.
"""

import torch
from torch import nn

from core.config import MethodConfig
from core.errors import UserError
from core.methods.delta import load_delta, save_delta
from core.methods.sharing import with_parameters
from core.models.layers import count_layers, layer_of

TITLE = "Last layers only"


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """A float32 copy of the parameters of the last `config.layers` layers, trainable.

    Raises `UserError` when the model has fewer layers.
    """
    n_layers = count_layers(model)
    if config.layers > n_layers:
        raise UserError(f"This model has {n_layers} layers; choose at most that many to train.")

    def copied(name: str, p: nn.Parameter) -> torch.Tensor | None:
        return p.detach().float().clone() if layer_of(name) >= n_layers - config.layers else None

    return with_parameters(model, copied, train=True)


save = save_delta
load = load_delta
