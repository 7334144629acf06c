"""Tiny random models of other makers' architectures, with options that show when they are dropped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as t
from transformers import PreTrainedConfig

from tests.core.conftest import make_tokenizer

WINDOW = 8
COMMON: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "initializer_range": 0.2,
    "max_position_embeddings": 256,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": None,
}
GROUPED: dict[str, Any] = {**COMMON, "intermediate_size": 64, "num_key_value_heads": 2}
HALF = ["sliding_attention", "full_attention"]
CONFIGS: dict[str, Callable[[int], PreTrainedConfig]] = {
    "llama": lambda v: t.LlamaConfig(vocab_size=v, **GROUPED),
    "qwen2": lambda v: t.Qwen2Config(vocab_size=v, **GROUPED),
    "qwen3": lambda v: t.Qwen3Config(vocab_size=v, head_dim=16, **GROUPED),
    "gemma2": lambda v: t.Gemma2Config(
        vocab_size=v,
        head_dim=16,
        query_pre_attn_scalar=16,
        attn_logit_softcapping=2.0,
        final_logit_softcapping=3.0,
        sliding_window=WINDOW,
        **GROUPED,
    ),
    "gemma3": lambda v: t.Gemma3TextConfig(
        vocab_size=v,
        head_dim=16,
        query_pre_attn_scalar=16,
        sliding_window=WINDOW,
        layer_types=HALF,
        **GROUPED,
    ),
    "mistral": lambda v: t.MistralConfig(
        vocab_size=v, head_dim=8, sliding_window=WINDOW, **GROUPED
    ),
    "phi3": lambda v: t.Phi3Config(vocab_size=v, **GROUPED),
    "gpt2": lambda v: t.GPT2Config(
        vocab_size=v,
        n_embd=32,
        n_layer=2,
        n_head=4,
        n_positions=256,
        initializer_range=0.2,
        bos_token_id=0,
        eos_token_id=1,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    ),
    "gpt_neox": lambda v: t.GPTNeoXConfig(vocab_size=v, intermediate_size=64, **COMMON),
    "granite": lambda v: t.GraniteConfig(
        vocab_size=v,
        embedding_multiplier=3.0,
        logits_scaling=4.0,
        residual_multiplier=0.5,
        attention_multiplier=0.3,
        **GROUPED,
    ),
    "cohere": lambda v: t.CohereConfig(vocab_size=v, logit_scale=0.25, **GROUPED),
    "gpt_oss": lambda v: t.GptOssConfig(
        vocab_size=v,
        head_dim=16,
        sliding_window=WINDOW,
        layer_types=HALF,
        num_local_experts=4,
        num_experts_per_tok=2,
        **GROUPED,
    ),
}
NAMES = tuple(CONFIGS)


def make(name: str, folder: Path, *, window: int = WINDOW) -> Path:
    """Write a tiny model of this architecture with a tokenizer."""
    config: Any = CONFIGS[name](make_tokenizer(folder))
    if getattr(config, "sliding_window", None):
        config.sliding_window = window
    torch.manual_seed(0)
    model = t.AutoModelForCausalLM.from_config(config)
    for key, p in model.named_parameters():
        if (
            key.endswith("bias") or "norm" in key or ".ln_" in key
        ):  # zeros and ones would hide mistakes
            torch.nn.init.normal_(p, mean=float(p.mean()), std=0.2)
    model.save_pretrained(folder)
    return folder
