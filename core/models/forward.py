"""The parts of a transformers (or PEFT) model, and one way to run its layers on chosen tokens.

Training on trees, answering in batches and streaming all go through `run_layers`, which is where a
soft prompt's virtual tokens are put before the text.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from peft import PeftType
from torch import nn
from transformers import DynamicCache

from core.models.attention import attention_for
from core.models.block_sparse import ancestors, cut
from core.models.fused import can_take_blocks


def causal_of(model: nn.Module) -> nn.Module:
    """The model as transformers knows it, inside a tuned one."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model  # pyright: ignore


def is_plain(model: nn.Module) -> bool:
    """Whether the model goes through transformers' own forward (core/models/plain.py), not the tree."""
    return getattr(causal_of(model), "is_plain", False)


def backbone_and_head(model: nn.Module) -> tuple[nn.Module, nn.Module]:
    """The decoder without its output layer, and the output layer."""
    causal: Any = causal_of(model)
    return causal.base_model, causal.get_output_embeddings()


def n_virtual_tokens(model: nn.Module) -> int:
    """How many virtual tokens a soft prompt or a prefix puts before every text; 0 without one."""
    tuned: Any = model
    return tuned.active_peft_config.num_virtual_tokens if hasattr(model, "prompt_encoder") else 0


def soft_prompt(model: nn.Module) -> torch.Tensor | None:
    """(V, H) the trained embeddings a soft prompt puts before every text; None for other models."""
    tuned: Any = model
    if not hasattr(model, "prompt_encoder") or _has_prefix(tuned):
        return None
    return tuned.get_prompt(batch_size=1)[0]


def _has_prefix(tuned: Any) -> bool:
    return tuned.active_peft_config.peft_type == PeftType.PREFIX_TUNING


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
    position_ids: torch.Tensor,
    attends: torch.Tensor,
    *,
    cache: DynamicCache | None = None,
) -> torch.Tensor:
    """(B, Q, H) outputs of the decoder at new tokens (B, Q) that stand at positions `position_ids` (B, Q).

    Each attends to (B, Q, K) of the K tokens there are: those in the cache, then the new ones, whose
    keys and values join the cache. The virtual tokens of a soft prompt or a prefix come before all of
    them and are seen by all; they count in neither Q, K nor the positions.
    """
    _refuse_plain(model)
    backbone, _ = backbone_and_head(model)
    n_rows, n_new = tokens.shape
    text: dict[str, Any] = {"input_ids": tokens}
    n_virtual = n_virtual_tokens(model)
    if n_virtual:
        position_ids = position_ids + n_virtual
        attends = _beside(attends.new_ones(n_rows, n_new, n_virtual), attends)
        if cache is None or not cache.get_seq_length():
            virtual = soft_prompt(model)
            if virtual is None:
                cache = _with_prefix(model, cache, n_rows)
            else:
                text, position_ids, attends = _after_virtual(
                    backbone, virtual, tokens, position_ids, attends
                )
    dtype = next(backbone.parameters()).dtype
    with using_attention(backbone, attention_for(attends.shape[1])):
        output: Any = backbone(
            **text,
            position_ids=position_ids,
            attention_mask=additive_mask(attends, dtype),
            cache=cache,
            use_cache=cache is not None,
        )
    return output.last_hidden_state[:, -n_new:]


def run_tree(
    model: nn.Module,
    tokens: torch.Tensor,
    position_ids: torch.Tensor,
    parents: Sequence[int],
    *,
    cache: DynamicCache | None = None,
    wanted: torch.Tensor | None = None,
) -> torch.Tensor:
    """(N, H) outputs of the decoder at the nodes of a tree of tokens (N,) at positions (N,).

    Or (M, H) at those `wanted` (M,) only, which spares the others most of the last layer.

    Node n hangs on `parents[n]` < n (-1: on nothing, or on the virtual tokens) and attends to its
    ancestors and itself. An empty cache is given the keys and values of the virtual tokens and the nodes.
    """
    _refuse_plain(model)
    backbone, _ = backbone_and_head(model)
    virtual = soft_prompt(model)
    if not can_take_blocks(backbone) or (virtual is None and n_virtual_tokens(model)):
        attends = ancestors(parents).to(tokens.device)
        hidden = run_layers(model, tokens[None], position_ids[None], attends[None], cache=cache)[0]
        return hidden if wanted is None else hidden[wanted]
    text: dict[str, Any] = {"input_ids": tokens[None]}
    if virtual is not None:
        n = len(virtual)
        embed: Any = backbone.get_input_embeddings()  # pyright: ignore[reportCallIssue]
        words = embed(tokens)
        text = {"inputs_embeds": torch.cat([virtual.to(words.dtype), words])[None]}
        position_ids = torch.cat([torch.arange(n, device=position_ids.device), position_ids + n])
        parents = [*range(-1, n - 1), *(parent + n for parent in parents)]
        wanted = None if wanted is None else wanted + n
    output: Any = backbone(
        **text,
        position_ids=position_ids[None],
        attention_mask=tokens.new_zeros(1, 1, 1, 1),  # the blocks know better
        cache=cache,
        use_cache=cache is not None,
        blocks=cut(parents).to(tokens.device),
        rows=wanted if cache is None else None,
    )
    hidden = output.last_hidden_state[0]
    if wanted is None:
        return hidden[-len(tokens) :]
    return hidden if cache is None else hidden[wanted]


def _refuse_plain(model: nn.Module) -> None:
    if is_plain(model):
        raise ValueError("a plain model would come out wrong here: see core/models/plain.py")


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


def _after_virtual(
    backbone: nn.Module,
    virtual: torch.Tensor,
    tokens: torch.Tensor,
    position_ids: torch.Tensor,
    attends: torch.Tensor,
) -> tuple[dict[str, Any], torch.Tensor, torch.Tensor]:
    """Input, positions and mask of V virtual tokens (V, H) and then the text.

    `attends` (B, Q, V + K) and `position_ids` are the text's own; the virtual tokens attend causally.
    """
    (n_rows, _), n_virtual = tokens.shape, len(virtual)
    embed: Any = backbone.get_input_embeddings()  # pyright: ignore[reportCallIssue]
    words = embed(tokens)
    before = virtual.to(words.dtype).expand(n_rows, -1, -1)
    at = torch.arange(n_virtual, device=tokens.device).expand(n_rows, -1)
    causal = attends.new_ones(n_virtual, n_virtual).tril()
    rows = _beside(causal[None], attends.new_zeros(1, n_virtual, attends.shape[2] - n_virtual))
    attends = torch.cat([rows.expand(n_rows, -1, -1), attends], dim=1)
    text = {"inputs_embeds": torch.cat([before, words], dim=1)}
    return text, torch.cat([at, position_ids], dim=1), attends


def _beside(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return torch.cat([left, right], dim=2)
