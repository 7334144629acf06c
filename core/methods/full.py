"""Full fine-tuning: every weight is trained.

Weights are trained in float32 even where the products run in bf16: a step of size 1e-5 on a weight
of 0.1 is below bf16's resolution (8 bits of mantissa) and would be lost.
"""

from typing import Any

from torch import nn

from core.config import MethodConfig
from core.methods.delta import load_delta, save_delta
from core.methods.sharing import with_parameters

TITLE = "Full fine-tuning"


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """A float32 copy of every parameter, all trainable."""
    del config
    tuned: Any = with_parameters(model, lambda name, p: p.detach().float().clone(), train=True)
    embedding, head = tuned.get_input_embeddings(), tuned.get_output_embeddings()
    # A batch reads few rows. Where the head shares them, and gives all rows a gradient anyway, theirs
    # is added as so many rows; a second gradient of the whole table, mostly zeros, took a tenth of a step.
    embedding.sparse = embedding.weight is head.weight
    return tuned


save = save_delta
load = load_delta
