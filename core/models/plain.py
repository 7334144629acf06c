"""Models that the tree does not compute exactly, through transformers' own forward on padded rows.

The tree (core/models/forward.py) puts its own attention and mask into the decoder and the output layer behind
it. An architecture that does more (caps its scores or logits, looks back a window only, scales its logits)
would come out wrong. Such a model is marked as plain when it is loaded (core/models/check.py): a tree is
unrolled into its paths, one a row, padded at the right, and answers grow in rows padded at the left. Slower,
and right, whatever the architecture.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache

from core.models.structure import causal_of
from core.models.virtual_tokens import n_virtual_tokens, soft_prompt


def own_logits(
    model: nn.Module,
    tokens: torch.Tensor,
    position_ids: torch.Tensor,
    is_text: torch.Tensor,
    *,
    keep: torch.Tensor,
    cache: DynamicCache | None = None,
) -> torch.Tensor:
    """(B, len(keep), V) logits at the columns `keep` of the new tokens (B, Q) at positions `position_ids` (B, Q).

    `is_text` (B, K) tells the text from the padding among the K tokens there are: those in the cache, then
    the new ones, which join it (see `new_cache`). The virtual tokens of a soft prompt or a prefix come before all of them and
    count in neither; padding at the left would part them from the text.
    """
    causal: Any = causal_of(model)
    n_rows, n_virtual = len(tokens), n_virtual_tokens(model)
    text: dict[str, Any] = {"input_ids": tokens}
    if n_virtual:
        position_ids = position_ids + n_virtual
        is_text = torch.cat([is_text.new_ones(n_rows, n_virtual), is_text], dim=1)
        virtual = soft_prompt(model)
        if virtual is None:
            cache = new_cache(model, n_rows) if cache is None else cache
        elif cache is None or not cache.get_seq_length():
            words = causal.get_input_embeddings()(tokens)
            before = virtual.to(words.dtype).expand(n_rows, -1, -1)
            text = {"inputs_embeds": torch.cat([before, words], dim=1)}
            at = torch.arange(n_virtual, device=tokens.device).expand(n_rows, -1)
            position_ids, keep = torch.cat([at, position_ids], dim=1), keep + n_virtual
    output: Any = causal(
        **text,
        position_ids=position_ids,
        attention_mask=is_text.long(),
        cache=cache,
        use_cache=cache is not None,
        logits_to_keep=keep,
    )
    return output.logits


def new_cache(model: nn.Module, n_rows: int) -> DynamicCache:
    """An empty cache, or one that begins with a prefix, as peft lays it out for this architecture."""
    if n_virtual_tokens(model) and soft_prompt(model) is None:
        tuned: Any = model
        return tuned.get_prompt(batch_size=n_rows)
    return DynamicCache()


def unrolled_logits(
    model: nn.Module,
    tokens: torch.Tensor,
    parents: Sequence[int],
    *,
    wanted: torch.Tensor | None = None,
) -> torch.Tensor:
    """(M, V) logits at the nodes `wanted` (M,) of a tree of tokens (N,), or at all of them."""
    rows = paths(parents)
    home: dict[int, tuple[int, int]] = {}
    for row, path in enumerate(rows):
        for depth, node in enumerate(path):
            home.setdefault(node, (row, depth))
    nodes = range(len(parents)) if wanted is None else wanted.tolist()
    where = [home[node] for node in nodes]
    keep = sorted({depth for _, depth in where})
    column = {depth: i for i, depth in enumerate(keep)}
    width = max(len(path) for path in rows)
    padded = torch.tensor([path + [0] * (width - len(path)) for path in rows]).to(tokens.device)
    position_ids = torch.arange(width, device=tokens.device).expand(len(rows), -1)
    logits = own_logits(
        model,
        tokens[padded],
        position_ids,
        torch.ones_like(
            position_ids, dtype=torch.bool
        ),  # no text looks ahead, so none sees the padding
        keep=torch.tensor(keep, device=tokens.device),
    )
    return logits[[row for row, _ in where], [column[depth] for _, depth in where]]


def paths(parents: Sequence[int]) -> list[list[int]]:
    """The nodes from the root to each leaf."""
    inner = set(parents)
    found: list[list[int]] = []
    for leaf in range(len(parents)):
        if leaf not in inner:
            path: list[int] = []
            node = leaf
            while node >= 0:
                path.append(node)
                node = parents[node]
            found.append(path[::-1])
    return found


def n_padded(parents: Sequence[int]) -> int:
    """Tokens of a tree's paths as rows, padding included."""
    rows = paths(parents)
    return len(rows) * max(len(path) for path in rows)


def can_pad(model: nn.Module) -> bool:
    """Whether prompts of unlike length can be answered together.

    Padding at the left would part virtual tokens from their text. In float64, a padded place that a window
    lets look at nothing is not a number in transformers' eager attention, and all after it are not either.
    """
    causal: Any = causal_of(model)
    return not n_virtual_tokens(model) and causal.dtype is not torch.float64


def read_rows(
    model: nn.Module, prompts: Sequence[Sequence[int]], device: torch.device
) -> tuple[DynamicCache, torch.Tensor, torch.Tensor]:
    """The prompts' keys and values, (B, V) logits after each, and (B, K) bool: what is text, not padding.

    Rows are padded at the left; see `can_pad` for when they may be of unlike length.
    """
    width = max(len(prompt) for prompt in prompts)
    tokens = torch.tensor([[0] * (width - len(p)) + list(p) for p in prompts], device=device)
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
    is_text = torch.arange(width, device=device) >= width - lengths[:, None]
    position_ids = (is_text.long().cumsum(1) - 1).clamp(min=0)
    cache, last = new_cache(model, len(prompts)), torch.tensor([width - 1], device=device)
    logits = own_logits(model, tokens, position_ids, is_text, keep=last, cache=cache)[:, 0]
    return cache, logits, is_text
