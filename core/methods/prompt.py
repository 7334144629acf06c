"""Prompt tuning (Lester et al. 2021, section 2): no weight of the model is trained, only V embeddings.

They stand before every text as V virtual tokens that no word has. Take them away, and the base
model is back: nothing in it can be forgotten.
"""

from pathlib import Path
from typing import Any

import torch
from peft import PromptTuningConfig, PromptTuningInit, TaskType
from torch import nn

from core.config import MethodConfig
from core.data.tokenizer import ChatTokenizer
from core.methods.through_peft import attach_through_peft, load_through_peft, save_through_peft

TITLE = "Prompt tuning"


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with virtual tokens that begin as drawn words, a text, or noise, by torch's seed.

    Starting from words is better than from noise (Lester et al. 2021, section 3.2). Noise is as long
    as the vocabulary's embeddings on average, in a random direction.
    """
    start = (
        PromptTuningInit.SAMPLE_VOCAB
        if config.prompt_start == "vocabulary"
        else PromptTuningInit.RANDOM
    )
    peft_config = PromptTuningConfig(
        task_type=TaskType.CAUSAL_LM,
        num_virtual_tokens=config.virtual_tokens,
        prompt_tuning_init=start,
    )
    tuned: Any = attach_through_peft(model, peft_config)
    if config.prompt_start != "vocabulary":
        causal: Any = model
        words = causal.get_input_embeddings().weight.detach().float()
        virtual = tuned.prompt_encoder["default"].embedding.weight
        with torch.no_grad():
            if config.prompt_start == "text":
                ids = ChatTokenizer.load(Path(causal.name_or_path)).encode(config.prompt_text)
                repeated = [ids[i % len(ids)] for i in range(config.virtual_tokens)]
                virtual.copy_(words[repeated])
            else:
                noise = torch.randn_like(virtual)
                virtual.copy_(noise / noise.norm(dim=1, keepdim=True) * words.norm(dim=1).mean())
    return tuned


save = save_through_peft
load = load_through_peft
