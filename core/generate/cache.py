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

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, n_more: int) -> None:
        super().__init__()
        self.lazy_initialization(keys, values)
        self.blocks = (_with_room(keys, n_more), _with_room(values, n_more))
        self.n_tokens = keys.shape[-2]
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


def _with_room(known: torch.Tensor, n_more: int) -> torch.Tensor:
    n_rows, n_groups, n_known, size = known.shape
    block = known.new_empty(n_rows, n_groups, n_known + n_more, size)
    block[:, :, :n_known] = known
    return block


def make_room(cache: DynamicCache, n_more: int) -> None:
    """Let `n_more` tokens join a filled cache without copying it again."""
    found: Any = cache
    found.layers = [RoomyLayer(layer.keys, layer.values, n_more) for layer in found.layers]
