"""Prompt tuning (Lester et al. 2021, section 2): no weight of the model is trained, only V embeddings.

They stand before every text as V virtual tokens that no word has. Take them away, and the base
model is back: nothing in it can be forgotten.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.config import MethodConfig, MethodSpec
from core.config.specification import Count, Knob, Picture
from core.methods.through_peft import attach_through_peft, load_through_peft, save_through_peft
from core.shape import ModelShape

if TYPE_CHECKING:
    from torch import nn

TOKENS = Knob(
    field="virtual_tokens",
    words="virtual tokens",
    values=(1, 2, 5, 10, 20, 50),
    usual=10,
    value_first=True,
)


def count(method: MethodConfig, shape: ModelShape) -> Count:
    """A vector as wide as the stream for every virtual token."""
    return Count(
        n=method.virtual_tokens * shape.hidden,
        symbols="virtual tokens · d",
        numbers=f"{method.virtual_tokens} · {shape.hidden:,}",
    )


def picture(method: MethodConfig) -> Picture:
    """Virtual tokens before the embeddings of the text."""
    return Picture(added={"embeddings": ("p₁", "p₂", "…")})


SPEC = MethodSpec(
    name="prompt",
    title="Prompt tuning",
    family="soft prompts",
    how="Trains the embeddings of virtual tokens that stand before every text.",
    adds="Nothing inside a layer: only embeddings that belong to no word.",
    formula=r"[\,p_1 \dots p_V,\; x_1 \dots x_n\,]",
    paper="Lester et al. 2021, section 2",
    symbol="cross",
    learning_rate=3e-2,
    count=count,
    picture=picture,
    knob=TOKENS,
    adds_tokens=True,
    starts_as_base=False,
    is_mergeable=False,
)


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with virtual tokens that begin as drawn words, a text, or noise, by torch's seed.

    Starting from words is better than from noise (Lester et al. 2021, section 3.2). Noise is as long
    as the vocabulary's embeddings on average, in a random direction.
    """
    import torch
    from peft import PromptTuningConfig, PromptTuningInit, TaskType

    from core.data.tokenizer import MOST_CHARACTERS, ChatTokenizer

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
                ids = ChatTokenizer.load(Path(causal.name_or_path)).encode(
                    config.prompt_text[:MOST_CHARACTERS]
                )
                repeated = [ids[i % len(ids)] for i in range(config.virtual_tokens)]
                virtual.copy_(words[repeated])
            else:
                noise = torch.randn_like(virtual)
                virtual.copy_(noise / noise.norm(dim=1, keepdim=True) * words.norm(dim=1).mean())
    return tuned


save = save_through_peft
load = load_through_peft
