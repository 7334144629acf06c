"""Prefix tuning (Li & Liang 2021, section 4): keys and values of V virtual tokens, in every layer.

Like a soft prompt, but the virtual tokens speak to every layer directly: V · layers · 2 · (size of the
keys) numbers. They begin as the keys and values of words drawn from the vocabulary: random ones learn
far more slowly (section 7.4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.config import MethodConfig, MethodSpec
from core.config.specification import Count, Picture
from core.methods.prompt import TOKENS
from core.methods.through_peft import attach_through_peft, load_through_peft, save_through_peft
from core.shape import ModelShape

if TYPE_CHECKING:
    import torch
    from torch import nn


def count(method: MethodConfig, shape: ModelShape) -> Count:
    """Keys and values of every virtual token, in every layer."""
    v, keys = method.virtual_tokens, shape.kv_heads * shape.head_dim
    return Count(
        n=v * shape.layers * 2 * keys,
        symbols="virtual tokens · L · 2 · keys",
        numbers=f"{v} · {shape.layers} · 2 · {keys:,}",
    )


def picture(method: MethodConfig) -> Picture:
    """Prefixes beside keys and values."""
    return Picture(added=dict.fromkeys(("key", "value"), ("P",)))


SPEC = MethodSpec(
    name="prefix",
    title="Prefix tuning",
    family="soft prompts",
    how="Gives virtual tokens keys and values of their own in every layer.",
    adds="In every layer, keys and values that stand before those of the text.",
    formula=r"K' = [\,P_K,\; K\,],\; V' = [\,P_V,\; V\,]",
    paper="Li & Liang 2021, section 4",
    symbol="x",
    learning_rate=1e-2,
    count=count,
    picture=picture,
    knob=TOKENS,
    starts_as_base=False,
    is_mergeable=False,
)


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with trained keys and values before every text."""
    from peft import PrefixTuningConfig, TaskType

    peft_config = PrefixTuningConfig(
        task_type=TaskType.CAUSAL_LM, num_virtual_tokens=config.virtual_tokens
    )
    tuned: Any = attach_through_peft(model, peft_config)
    tuned.prompt_encoder["default"].load_prompt_embeddings(
        _keys_and_values(model, config.virtual_tokens)
    )
    return tuned


def _keys_and_values(model: nn.Module, n: int) -> torch.Tensor:
    """(V, layers · 2 · key size) float32: what n drawn words leave in the cache, as peft lays it out."""
    import torch
    from transformers import DynamicCache

    causal: Any = model
    vocabulary = causal.get_input_embeddings().weight
    words = torch.randint(len(vocabulary), (1, n)).to(vocabulary.device)
    cache = DynamicCache()
    with torch.no_grad():
        causal.base_model(input_ids=words, cache=cache, use_cache=True)
    rows: list[torch.Tensor] = []
    for layer in cache.layers:
        found: Any = layer
        for tensor in (found.keys, found.values):  # (1, heads, V, size)
            rows.append(tensor[0].transpose(0, 1).reshape(n, -1).float())
    return torch.cat(rows, dim=1)


save = save_through_peft
load = load_through_peft
