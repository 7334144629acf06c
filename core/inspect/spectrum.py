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
    who take the values' own shares). Any matrix has one below its size, and a LoRA update one of at most r
    by construction, so beside it stands that of a control, see `random_like`.
    """
    module = module_named(base.model, module)
    for name, change, weight in weight_changes(tuned, base.model):
        if layer_of(name) == layer and name.removesuffix(".weight").endswith(f".{module}"):
            values = torch.linalg.svdvals(change)
            squares = values.double().square()
            if not squares.sum():
                break
            control = torch.linalg.svdvals(random_like(change, values))
            return Spectrum(
                singular_values=values.tolist(),
                energy=(squares / squares.sum()).cumsum(0).tolist(),
                effective_rank=effective_rank(values),
                control_values=control.tolist(),
                control_rank=effective_rank(control),
                relative=(change.norm() / weight.float().norm()).item(),
                shape=list(change.shape),
            )
    raise UserError(f"This run did not change {shortened(module)} of layer {shortened(layer)}.")


def effective_rank(values: torch.Tensor) -> float:
    """Of a matrix with these singular values: k for k equal ones, nearly 1 where one is by far the largest."""
    squares = values.double().square()
    shares = squares / squares.sum()
    return (-(shares * shares.clamp(min=1e-300).log()).sum()).exp().item()


def random_like(change: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """A random matrix of the same shape, Frobenius norm and rank, always the same one.

    Entries are normal; below full rank it is a product of two such factors, as B A is in LoRA.
    """
    rows, columns = change.shape
    rank = int((values > values[0] * max(rows, columns) * torch.finfo(values.dtype).eps).sum())
    chance = torch.Generator().manual_seed(0)
    if rank == min(rows, columns):
        found = torch.randn(rows, columns, generator=chance)
    else:
        left = torch.randn(rows, rank, generator=chance)
        found = left @ torch.randn(rank, columns, generator=chance)
    return (found * (change.norm().cpu() / found.norm())).to(change)
