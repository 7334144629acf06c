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

    def __init__(self, full: DynamicLayer, n_more: int) -> None:
        super().__init__()
        self.lazy_initialization(full.keys, full.values)
        n_known = full.keys.shape[-2]
        self.blocks = tuple(_with_room(known, n_more) for known in (full.keys, full.values))
        self._show(n_known)

    def _show(self, n_tokens: int) -> None:
        self.keys, self.values = (block[:, :, :n_tokens] for block in self.blocks)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new tokens' (B, G, Q, D) behind the known ones; returns those of all tokens."""
        del args, kwargs
        n_known = self.keys.shape[-2]
        n_all = n_known + key_states.shape[-2]
        for block, new in zip(self.blocks, (key_states, value_states), strict=True):
            block[:, :, n_known:n_all] = new
        self._show(n_all)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows, moved to the front of their blocks."""
        n_known = self.keys.shape[-2]
        for block, seen in zip(self.blocks, (self.keys, self.values), strict=True):
            block[: len(indices), :, :n_known] = seen[indices]
        self.blocks = tuple(block[: len(indices)] for block in self.blocks)
        self._show(n_known)


def _with_room(known: torch.Tensor, n_more: int) -> torch.Tensor:
    n_rows, n_groups, n_known, size = known.shape
    block = known.new_empty(n_rows, n_groups, n_known + n_more, size)
    block[:, :, :n_known] = known
    return block


def make_room(cache: DynamicCache, n_more: int) -> None:
    """Let `n_more` tokens join a filled cache without copying it again."""
    cache.layers = [RoomyLayer(layer, n_more) for layer in cache.layers]  # pyright: ignore
