"""Singular values of what tuning changed in a matrix. Needs torch."""

import torch
from torch import nn

from core.errors import UserError, shortened
from core.inspect.results import Spectrum
from core.methods.merge import weight_changes
from core.models.layers import layer_of
from core.models.load import LoadedModel
from core.models.roles import module_named


def spectrum(tuned: nn.Module, base: LoadedModel, *, layer: int, module: str) -> Spectrum:
    """Singular values of W' − W of one matrix, and how many of them say most of it.

    The effective rank is exp of the entropy of the squared values' shares (after Roy & Vetterli 2007,
    who take the values' own shares).
    """
    module = module_named(base.model, module)
    for name, change, weight in weight_changes(tuned, base.model):
        if layer_of(name) == layer and name.removesuffix(".weight").endswith(f".{module}"):
            values = torch.linalg.svdvals(change)
            squares = values.double().square()
            if not squares.sum():
                break
            shares = squares / squares.sum()
            entropy = -(shares * shares.clamp(min=1e-300).log()).sum()
            return Spectrum(
                singular_values=values.tolist(),
                energy=shares.cumsum(0).tolist(),
                effective_rank=entropy.exp().item(),
                relative=(change.norm() / weight.float().norm()).item(),
                shape=list(change.shape),
            )
    raise UserError(f"This run did not change {shortened(module)} of layer {shortened(layer)}.")
