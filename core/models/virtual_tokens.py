"""The virtual tokens that a soft prompt or a prefix puts before every text.

A soft prompt's are embeddings, which go through all layers before the text. A prefix's are keys and values,
one of each for every layer, which stand in the cache before the text's.
"""

from typing import Any

import torch
from peft import PeftType
from torch import nn
from transformers import DynamicCache


def n_virtual_tokens(model: nn.Module) -> int:
    """How many virtual tokens a soft prompt or a prefix puts before every text; 0 without one."""
    tuned: Any = model
    return tuned.active_peft_config.num_virtual_tokens if hasattr(model, "prompt_encoder") else 0


def has_prefix(model: nn.Module) -> bool:
    """Whether the virtual tokens are keys and values."""
    tuned: Any = model
    return (
        hasattr(model, "prompt_encoder")
        and tuned.active_peft_config.peft_type == PeftType.PREFIX_TUNING
    )


def soft_prompt(model: nn.Module) -> torch.Tensor | None:
    """(V, H) the trained embeddings a soft prompt puts before every text; None for other models."""
    tuned: Any = model
    if not hasattr(model, "prompt_encoder") or has_prefix(model):
        return None
    return tuned.get_prompt(batch_size=1)[0]


Inputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor, DynamicCache | None]
"""Embeddings (B, Q, H), positions (B, Q), which of K tokens each attends to (B, Q, K), and the cache."""


def with_virtual_tokens(
    model: nn.Module,
    embedded: torch.Tensor,
    positions: torch.Tensor,
    attends: torch.Tensor,
    cache: DynamicCache | None,
) -> Inputs:
    """The inputs of a text, behind V virtual tokens if the model has any; all of the text sees them.

    A soft prompt adds V embeddings that attend causally (Q + V, K + V), unless the cache has them from
    before; a prefix begins the cache (Q, K + V).
    """
    n_virtual = n_virtual_tokens(model)
    if not n_virtual:
        return embedded, positions, attends, cache
    n_rows, n_new, n_keys = attends.shape
    positions = positions + n_virtual
    attends = torch.cat([attends.new_ones(n_rows, n_new, n_virtual), attends], dim=2)
    if cache is not None and cache.get_seq_length():
        return embedded, positions, attends, cache
    virtual = soft_prompt(model)
    if virtual is None:
        return embedded, positions, attends, _with_prefix(model, cache, n_rows)
    before = virtual.to(embedded.dtype).expand(n_rows, -1, -1)
    first = torch.arange(n_virtual, device=positions.device).expand(n_rows, -1)
    causal = attends.new_ones(n_virtual, n_virtual).tril()
    rows = torch.cat([causal, attends.new_zeros(n_virtual, n_keys)], dim=1)
    return (
        torch.cat([before, embedded], dim=1),
        torch.cat([first, positions], dim=1),
        torch.cat([rows.expand(n_rows, -1, -1), attends], dim=1),
        cache,
    )


def _with_prefix(model: nn.Module, cache: DynamicCache | None, n_rows: int) -> DynamicCache:
    """The cache, a new one if there is none, beginning with a prefix's keys and values."""
    tuned: Any = model
    prefix: DynamicCache = tuned.get_prompt(batch_size=n_rows)
    if cache is None:
        return prefix
    for number, layer in enumerate(prefix.layers):
        found: Any = layer
        cache.update(found.keys, found.values, number)
    return cache
