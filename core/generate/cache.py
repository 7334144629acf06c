"""Keys and values of prompts, with room for the answers.

Transformers' growing cache copies all keys and values for every new token. Here the room is taken once,
and a new token is written into it.
"""

from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


class RoomyLayer(DynamicLayer):
    """A decoder layer's keys and values (B, G, K, D): the beginning of blocks with room for more."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, n_tokens: int) -> None:
        super().__init__()
        self.lazy_initialization(keys, values)
        self.blocks = (keys, values)
        self.n_tokens = n_tokens
        self._seen()

    def _seen(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of the tokens there are, which the layer shows from now on."""
        keys, values = (block[:, :, : self.n_tokens] for block in self.blocks)
        self.keys, self.values = keys, values
        return keys, values

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new tokens' (B, G, Q, D) behind the known ones; returns those of all tokens."""
        del args, kwargs
        n_known, self.n_tokens = self.n_tokens, self.n_tokens + key_states.shape[-2]
        for block, new in zip(self.blocks, (key_states, value_states), strict=True):
            block[:, :, n_known : self.n_tokens] = new
        return self._seen()

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows, moved to the front of their blocks."""
        n = len(indices)
        for block, seen in zip(self.blocks, self._seen(), strict=True):
            block[:n, :, : self.n_tokens] = seen[indices]
        keys, values = self.blocks
        self.blocks = (keys[:n], values[:n])
        self._seen()


def spread(cache: DynamicCache, rows: torch.Tensor, n_more: int) -> None:
    """Give each row its own keys and values, and room for `n_more` tokens that will join.

    `rows` (B, K) names each row's tokens among those in the filled cache, which has one row itself.
    """
    found: Any = cache
    found.layers = [
        RoomyLayer(
            _taken(layer.keys, rows, n_more), _taken(layer.values, rows, n_more), rows.shape[1]
        )
        for layer in found.layers
    ]


def _taken(known: torch.Tensor, rows: torch.Tensor, n_more: int) -> torch.Tensor:
    """(B, G, K + n_more, D) the rows' tokens of (1, G, N, D), and room."""
    _, n_groups, n_known, size = known.shape
    n_rows, n_keys = rows.shape
    group = torch.arange(n_groups, device=known.device)[:, None] * n_known
    block = known.new_empty(n_rows, n_groups, n_keys + n_more, size)
    at = (rows[:, None] + group).flatten()
    block[:, :, :n_keys] = (
        known.reshape(-1, size).index_select(0, at).view(n_rows, n_groups, n_keys, size)
    )
    return block
