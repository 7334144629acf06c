"""Keys and values of prompts that were read as one tree, as answers need them. Needs torch."""

from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


def spread(cache: DynamicCache, rows: torch.Tensor) -> None:
    """Give each row its own keys and values.

    `rows` (B, K) names each row's tokens among those in the filled cache, which has one row itself.
    """
    found: Any = cache
    found.layers = [_spread(layer, rows) for layer in found.layers]


def _spread(known: Any, rows: torch.Tensor) -> DynamicLayer:
    layer = DynamicLayer()
    layer.update(_taken(known.keys, rows), _taken(known.values, rows))
    return layer


def _taken(known: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """(B, G, K, D) the rows' tokens of (1, G, N, D), as a view: a layer copies what it is given."""
    return known[0][:, rows].transpose(0, 1)
