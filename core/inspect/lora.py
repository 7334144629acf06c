"""A LoRA before its first step, and its matrices after the last. Needs torch."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from core import methods
from core.config import METHODS, RunConfig
from core.errors import UserError, shortened
from core.inspect.logits import all_logits
from core.inspect.prompts import PROMPTS
from core.inspect.results import LoraStart, Matrices
from core.models.layers import layer_of
from core.models.load import LoadedModel
from core.models.roles import module_named, role_name
from core.models.seed import seed_everything

CELLS = 96
"""Most cells of a heatmap along a side."""


def lora_start(config: RunConfig, base: LoadedModel) -> LoraStart:
    """A LoRA before its first step: B is zero, so the logits are the base's."""
    if not METHODS[config.method.name].low_rank:
        raise UserError("Only LoRA and its variants start with B = 0.")
    seed_everything(config.seed)
    tuned = methods.find(config.method.name).attach(base.model, config.method)
    norms = {"A": 0.0, "B": 0.0}
    for name, p in tuned.named_parameters():
        for part in norms:
            if f".lora_{part}." in name:
                norms[part] += p.detach().float().square().sum().item()
    before, after = (all_logits(model, base, PROMPTS) for model in (base.model, tuned))
    layer: Any = next(m for m in tuned.modules() if hasattr(m, "lora_A"))
    return LoraStart(
        a_norm=norms["A"] ** 0.5,
        b_norm=norms["B"] ** 0.5,
        scaling=float(layer.scaling["default"]),
        largest_difference=(after - before).abs().max().item(),
        n_logits=before.numel(),
    )


def matrices(tuned: nn.Module, base: LoadedModel, *, layer: int, module: str) -> Matrices:
    """B, A and their product beside W, each cut to at most CELLS × CELLS cells."""
    pairs = {
        (layer_of(name), role_name(name)): found
        for name, found in tuned.named_modules()
        if hasattr(found, "lora_A") and len(found.lora_A)  # pyright: ignore
    }
    module = module_named(base.model, module)
    if (layer, module) not in pairs:
        raise UserError(
            f"This run has no LoRA pair at {shortened(module)} of layer {shortened(layer)}."
        )
    found: Any = pairs[layer, module]
    A, B = _weight(found.lora_A["default"]), _weight(found.lora_B["default"])
    modules: dict[str, list[int]] = {}
    for number, name in sorted(pairs):
        modules.setdefault(name, []).append(number)
    product = found.get_delta_weight("default").detach().float()  # scaled; AdaLoRA: with Λ
    weight = found.get_base_layer().weight.detach().float()
    is_transposed = found.fan_in_fan_out  # stored as (inputs, outputs)
    return Matrices(
        A=_cells(A),
        B=_cells(B),
        BA=_cells(product.T if is_transposed else product),
        W=_cells(weight.T if is_transposed else weight),
        scaling=float(found.scaling["default"]),
        shape=[B.shape[0], A.shape[1]],
        rank=A.shape[0],
        modules=modules,
    )


def _weight(part: Any) -> torch.Tensor:
    return getattr(part, "weight", part).detach().float()


def _cells(matrix: torch.Tensor) -> list[list[float]]:
    """At most CELLS × CELLS blocks, each the entry of largest size in it."""
    sizes = [-(-n // CELLS) for n in matrix.shape]
    padded = F.pad(matrix, (0, -matrix.shape[1] % sizes[1], 0, -matrix.shape[0] % sizes[0]))
    blocks = padded.unfold(0, sizes[0], sizes[0]).unfold(1, sizes[1], sizes[1]).flatten(2)
    at = blocks.abs().argmax(-1, keepdim=True)
    return blocks.gather(-1, at)[..., 0].tolist()
