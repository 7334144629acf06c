"""Prefix tuning (Li & Liang 2021, section 4): keys and values of V virtual tokens, in every layer.

Like a soft prompt, but the virtual tokens speak to every layer directly: V · layers · 2 · (size of the
keys) numbers. They begin as the keys and values of words drawn from the vocabulary: random ones learn
far more slowly (section 7.4).
"""

from typing import Any

import torch
from peft import PrefixTuningConfig, TaskType
from torch import nn
from transformers import DynamicCache

from core.config import MethodConfig
from core.methods.through_peft import attach_through_peft, load_through_peft, save_through_peft

TITLE = "Prefix tuning"


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with trained keys and values before every text."""
    peft_config = PrefixTuningConfig(
        task_type=TaskType.CAUSAL_LM, num_virtual_tokens=config.virtual_tokens
    )
    tuned: Any = attach_through_peft(model, peft_config)
    tuned.prompt_encoder["default"].load_prompt_embeddings(
        _keys_and_values(model, config.virtual_tokens)
    )
    return tuned


@torch.no_grad()
def _keys_and_values(model: nn.Module, n: int) -> torch.Tensor:
    """(V, layers · 2 · key size) float32: what n drawn words leave in the cache, as peft lays it out."""
    causal: Any = model
    vocabulary = causal.get_input_embeddings().weight
    words = torch.randint(len(vocabulary), (1, n)).to(vocabulary.device)
    cache = DynamicCache()
    causal.base_model(input_ids=words, cache=cache, use_cache=True)
    rows: list[torch.Tensor] = []
    for layer in cache.layers:
        found: Any = layer
        for tensor in (found.keys, found.values):  # (1, heads, V, size)
            rows.append(tensor[0].transpose(0, 1).reshape(n, -1).float())
    return torch.cat(rows, dim=1)


save = save_through_peft
load = load_through_peft
