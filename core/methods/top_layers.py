"""Selective tuning: only the last k decoder layers are trained, the others stay as they are.

The oldest way to tune less (Yosinski et al. 2014, section 3): early layers hold what many tasks share.
It is also cheaper, as the backward pass ends at the lowest trained layer.
"""

import re

import torch
from torch import nn

from core.config import MethodConfig
from core.errors import UserError
from core.methods.delta import load_delta, save_delta
from core.methods.sharing import with_parameters

TITLE = "Last layers only"
LAYER = re.compile(r"(?:^|\.)(?:layers|h)\.(\d+)\.")


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """A float32 copy of the parameters of the last `config.layers` layers, trainable.

    Raises `UserError` when the model has fewer layers.
    """
    numbers = [found for name, _ in model.named_parameters() if (found := layer_of(name)) >= 0]
    n_layers = max(numbers, default=-1) + 1
    if config.layers > n_layers:
        raise UserError(f"This model has {n_layers} layers; choose at most that many to train.")

    def copied(name: str, p: nn.Parameter) -> torch.Tensor | None:
        return p.detach().float().clone() if layer_of(name) >= n_layers - config.layers else None

    return with_parameters(model, copied, train=True)


def layer_of(name: str) -> int:
    """The number of the decoder layer a parameter belongs to; -1 for none.

    >>> layer_of("model.layers.12.mlp.up_proj.weight")
    12
    """
    found = LAYER.search(name)
    return int(found.group(1)) if found else -1


save = save_delta
load = load_delta
