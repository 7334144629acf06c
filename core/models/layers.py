"""Which decoder layer a parameter belongs to, by its name."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

LAYER = re.compile(r"(?:^|\.)(?:layers|h)\.(\d+)(?:\.|$)")


def layer_of(name: str) -> int:
    """The number of the decoder layer a parameter or module belongs to; -1 for none.

    >>> layer_of("model.layers.12.mlp.up_proj.weight")
    12
    """
    found = LAYER.search(name)
    return int(found.group(1)) if found else -1


def count_layers(model: "nn.Module") -> int:
    """How many decoder layers a model has."""
    return 1 + max((layer_of(name) for name, _ in model.named_parameters()), default=-1)
