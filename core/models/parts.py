"""The parts of a transformers (or PEFT) model, and one way to run its layers on chosen tokens.

Training on trees, answering in batches and streaming all go through `run_layers`, which is where a
soft prompt's virtual tokens are put before the text.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache

from core.models.attention import attention_for


def backbone_and_head(model: nn.Module) -> tuple[nn.Module, nn.Module]:
    """The decoder without its output layer, and the output layer."""
    causal: Any = model.get_base_model() if hasattr(model, "get_base_model") else model  # pyright: ignore[reportCallIssue]
    return causal.base_model, causal.get_output_embeddings()


def soft_prompt(model: nn.Module) -> torch.Tensor | None:
    """(V, H) the trained embeddings a soft prompt puts before every text, or None without one."""
    tuned: Any = model
    if not hasattr(model, "prompt_encoder"):
        return None
    return tuned.get_prompt(batch_size=1)[0]


@contextmanager
def using_attention(backbone: nn.Module, kind: str) -> Generator[None]:
    """Let transformers compute attention in another way inside the block."""
    config: Any = backbone.config
    usual = config._attn_implementation
    config._attn_implementation = kind
    try:
        yield
    finally:
        config._attn_implementation = usual


def additive_mask(attends: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """(B, 1, Q, K) mask for transformers: 0 where a query attends, the lowest number elsewhere.

    `attends` is (B, Q, K) bool.
    """
    mask = torch.zeros(attends.shape, dtype=dtype, device=attends.device)
    return mask.masked_fill_(~attends, torch.finfo(dtype).min)[:, None]


def run_layers(
    model: nn.Module,
    tokens: torch.Tensor,
    places: torch.Tensor,
    attends: torch.Tensor,
    *,
    cache: DynamicCache | None = None,
) -> torch.Tensor:
    """(B, Q, H) outputs of the decoder at new tokens (B, Q) that stand at positions `places` (B, Q).

    Each attends to (B, Q, K) of the K tokens there are: those in the cache, then the new ones, whose
    keys and values join the cache. A soft prompt comes before all of them and is seen by all; it
    counts in neither Q, K nor the positions.
    """
    backbone, _ = backbone_and_head(model)
    n_new, device = tokens.shape[1], tokens.device
    text: dict[str, Any] = {"input_ids": tokens}
    virtual = soft_prompt(model)
    if virtual is not None:
        n_rows, n_virtual = len(tokens), len(virtual)
        places = places + n_virtual
        attends = _beside(attends.new_ones(n_rows, n_new, n_virtual), attends)
        if cache is None or not cache.get_seq_length():
            embed: Any = backbone.get_input_embeddings()  # pyright: ignore[reportCallIssue]
            words = embed(tokens)
            before = virtual.to(words.dtype).expand(n_rows, -1, -1)
            text = {"inputs_embeds": torch.cat([before, words], dim=1)}
            at = torch.arange(n_virtual, device=device).expand(n_rows, -1)
            places = torch.cat([at, places], dim=1)
            causal = torch.ones(n_virtual, n_virtual, dtype=torch.bool, device=device).tril()
            rows = _beside(
                causal[None], attends.new_zeros(1, n_virtual, attends.shape[2] - n_virtual)
            )
            attends = torch.cat([rows.expand(n_rows, -1, -1), attends], dim=1)
    dtype = next(backbone.parameters()).dtype
    with using_attention(backbone, attention_for(attends.shape[1])):
        output: Any = backbone(
            **text,
            position_ids=places,
            attention_mask=additive_mask(attends, dtype),
            past_key_values=cache,
            use_cache=cache is not None,
        )
    return output.last_hidden_state[:, -n_new:]


def _beside(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return torch.cat([left, right], dim=2)
