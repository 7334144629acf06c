"""Adapters merged into the weights, and how far tuning moved each matrix."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from core.config import METHODS
from core.errors import UserError
from core.methods.sharing import shared_copy


def merged(tuned: nn.Module, method: str) -> nn.Module:
    """A model without adapters that computes the same: W' in place of W and what stood beside it.

    `tuned` and the base keep theirs. Raises `UserError` for methods that no weight can take up.
    """
    check_mergeable(method)
    if not isinstance(tuned, PeftModel):
        return tuned  # its weights are the tuned ones already
    own: Any = with_own_weights(tuned)
    return own.merge_and_unload()


def check_mergeable(method: str) -> None:
    """`UserError` for methods that no weight can take up, such as soft prompts: they stand in the text."""
    if not METHODS[method].is_mergeable:
        raise UserError("This method cannot be merged: what it adds is not a change of a weight.")


def with_own_weights(tuned: PeftModel) -> PeftModel:
    """A copy that may be merged: peft writes into the weights, which are the base's here."""
    copied: Any = shared_copy(tuned)
    for module in copied.modules():
        if isinstance(module, BaseTunerLayer):
            layer = module.get_base_layer()
            for key, p in list(layer.named_parameters(recurse=False)):
                setattr(layer, key, nn.Parameter(p.detach().clone(), requires_grad=False))
    return copied


@torch.no_grad()
def weight_changes(
    tuned: nn.Module, base: nn.Module, *, wanted: Callable[[str], bool] = lambda name: True
) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """(name, W' − W in float32, W) of every wanted matrix of the base that tuning changed."""
    start = {name: p for name, p in base.named_parameters() if p.dim() == 2 and wanted(name)}
    if not isinstance(tuned, PeftModel):
        for name, p in tuned.named_parameters():
            if name in start and p is not start[name]:
                yield name, p.float() - start[name].float(), start[name]
        return
    for name, module in tuned.get_base_model().named_modules():
        weight = f"{name}.weight"
        if isinstance(module, BaseTunerLayer) and weight in start:
            yield weight, layer_change(module, start[weight]), start[weight]


def layer_change(module: BaseTunerLayer, weight: torch.Tensor) -> torch.Tensor:
    """W' − W of one adapted layer, float32: merged in a float32 copy of it."""
    own: Any = copy.deepcopy(module)  # a real copy: what is written into must not be shared
    own.float().merge()
    return own.get_base_layer().weight.detach() - weight.float()
