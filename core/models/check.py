"""Does the tree compute this model exactly? Asked at every load, on a short text with two ends.

What the tree gives is compared with transformers' own forward, in the precision the model is loaded in.
Rounding alone can hide an option that is small on this text, so three things are looked at besides: whether
the attention is asked for something that ours does not do, whether the logits are changed behind the output
layer, and whether a window is shorter than our longest text. A model that fails one of them is computed by
transformers' own forward, and that is compared, too; where it does not do either, the model is refused.
"""

import math
from typing import Any

import torch
from torch import nn

from core.data.tokenizer import ChatTokenizer
from core.errors import UserError
from core.models.forward import tree_logits
from core.models.fused import fuse, unfuse
from core.models.load import Checked, wants_fused
from core.models.plain import can_pad, own_logits, paths, read_rows, unrolled_logits
from core.models.structure import causal_of

STEM, ENDS = "The capital of France is", (" Paris.", " in")
TOLERANCE = {torch.float64: 1e-5, torch.float32: 1e-3, torch.bfloat16: 0.08}
"""Largest error of a logit, as a share of the largest logit, that rounding explains. (Norms compute in float32
even where weights are float64. In bf16 SmolLM2's error is 0.01.)"""
PLAIN_TOLERANCE = 0.2
"""Of transformers' own forward with and without padding and a cache: the same code, rounded otherwise."""


@torch.no_grad()
def check(model: nn.Module, tokenizer: ChatTokenizer) -> Checked:
    """Choose the path of a model just loaded, mark and fuse it accordingly.

    Raises `UserError` where neither gives the model's own numbers.
    """
    causal: Any = causal_of(model)
    tokens, parents = _tree(tokenizer, causal.device)
    try:
        own, is_changed = _own(causal, tokens, parents)
    except (RuntimeError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise UserError(f"Transformers cannot compute this model here: {error}") from error
    largest = own.abs().max().item()
    if not 0 < largest < math.inf:
        raise UserError(
            "This model computes no usable numbers: its weights are damaged. Get them anew."
        )
    tree_error, why = _on_the_tree(causal, tokens, parents, own)
    window = _window(causal.config, tokenizer)
    if not why and is_changed:
        why = "its logits are changed behind the output layer"
    if not why and window:
        why = f"its attention looks back {window} tokens, fewer than the longest text"
    if not why:
        assert tree_error is not None
        return Checked("tree", tree_error, largest, tree_error)
    unfuse(model)
    causal.is_plain = True
    try:
        error = _as_rows(causal, tokens, parents, own)
    except (RuntimeError, ValueError, TypeError, AttributeError, KeyError) as failure:
        raise UserError(
            f"This model cannot be computed here: {why}, and padded batches fail: {failure}"
        ) from failure
    if not error <= PLAIN_TOLERANCE * largest:
        raise UserError(
            f"This model cannot be computed exactly here: {why}, and in padded batches its logits "
            f"are off by {error:.2g} of {largest:.2g}. Choose another model."
        )
    return Checked("plain", error, largest, tree_error, why)


def _tree(tokenizer: ChatTokenizer, device: torch.device) -> tuple[torch.Tensor, list[int]]:
    stem = [*tokenizer.start_ids, *tokenizer.encode(STEM)]
    first, second = (tokenizer.encode(end) for end in ENDS)
    n, m = len(stem), len(stem) + len(first)
    parents = [*range(-1, m - 1), n - 1, *range(m, m + len(second) - 1)]
    return torch.tensor([*stem, *first, *second], device=device), parents


def _own(causal: Any, tokens: torch.Tensor, parents: list[int]) -> tuple[torch.Tensor, bool]:
    """(N, V) float32 logits of the model as it was loaded; are they more than the output layer's?"""
    heads: list[torch.Tensor] = []
    hook = causal.get_output_embeddings().register_forward_hook(
        lambda module, given, output: heads.append(output.clone())
    )
    rows = paths(parents)
    width = max(len(row) for row in rows)
    padded = torch.tensor([row + [0] * (width - len(row)) for row in rows])  # seen by no text
    try:
        logits = causal(input_ids=tokens[padded.to(tokens.device)], use_cache=False).logits
    finally:
        hook.remove()
    found = logits.new_zeros(len(parents), logits.shape[-1]).float()
    for row, nodes in enumerate(rows):
        found[nodes] = logits[row, : len(nodes)].float()
    return found, not torch.equal(heads[-1].to(logits.dtype), logits)


def _on_the_tree(
    causal: Any, tokens: torch.Tensor, parents: list[int], own: torch.Tensor
) -> tuple[float | None, str]:
    """The tree's largest error, and what speaks against the tree."""
    if wants_fused():
        fuse(causal)
    depths: list[int] = []
    for parent in parents:
        depths.append(depths[parent] + 1 if parent >= 0 else 0)
    try:
        found = tree_logits(causal, tokens, torch.tensor(depths, device=tokens.device), parents)
    except (RuntimeError, ValueError, TypeError, AttributeError, KeyError) as failure:
        return None, f"the tree cannot compute it ({failure})"
    error = (found.float() - own).abs().max().item()
    limit = TOLERANCE.get(causal.dtype, TOLERANCE[torch.bfloat16]) * own.abs().max().item()
    if error <= limit:
        return error, ""
    return error, f"on the tree its logits are off by {error:.2g}"


def _as_rows(causal: Any, tokens: torch.Tensor, parents: list[int], own: torch.Tensor) -> float:
    """The largest error of padded rows, as in training, and of rows with a cache, as in answering."""
    errors = [unrolled_logits(causal, tokens, parents).float() - own]
    rows, device = paths(parents), tokens.device
    first = torch.zeros(1, dtype=torch.long, device=device)
    for group in [rows] if can_pad(causal) else [[row] for row in rows]:
        prompts = [tokens[row[:-1]].tolist() for row in group]
        cache, logits, is_text = read_rows(causal, prompts, device)
        errors.append(logits.float() - own[[row[-2] for row in group]])
        last = tokens[[row[-1] for row in group]][:, None]
        position_ids = torch.tensor([[len(row) - 1] for row in group], device=device)
        is_text = torch.cat([is_text, is_text.new_ones(len(group), 1)], dim=1)
        logits = own_logits(causal, last, position_ids, is_text, keep=first, cache=cache)[:, 0]
        errors.append(logits.float() - own[[row[-1] for row in group]])
    return max(error.abs().max().item() for error in errors)


def _window(config: Any, tokenizer: ChatTokenizer) -> int:
    """How far some layer's attention looks back, where that is less than our longest text; else 0."""
    config = config.get_text_config()
    kinds = getattr(config, "layer_types", None) or ["sliding_attention"]
    if all(kind == "full_attention" for kind in kinds):
        return 0
    sizes = (getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size"))
    longest = tokenizer.longest_sequence
    return next((size for size in sizes if isinstance(size, int) and 0 < size < longest), 0)
