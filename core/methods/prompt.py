"""Prompt tuning (Lester et al. 2021, section 2): no weight of the model is trained, only V embeddings.

They stand before every text as V virtual tokens that no word has. Take them away, and the untouched
model is back: nothing in it can be forgotten.
"""

from pathlib import Path
from typing import Any

from peft import PeftModel, PromptTuningConfig, PromptTuningInit, TaskType, get_peft_model
from torch import nn

from core.config import MethodConfig
from core.methods.sharing import shared_copy

TITLE = "Prompt tuning"


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with virtual tokens that begin as words drawn with torch's current seed.

    Starting from words of the vocabulary is better than from noise (Lester et al. 2021, section 3.2).
    """
    causal: Any = shared_copy(model)
    peft_config = PromptTuningConfig(
        task_type=TaskType.CAUSAL_LM,
        num_virtual_tokens=config.virtual_tokens,
        prompt_tuning_init=PromptTuningInit.SAMPLE_VOCAB,
    )
    tuned = get_peft_model(causal, peft_config)
    for parameter in tuned.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return tuned


def save(tuned: nn.Module, base: nn.Module, folder: Path) -> None:
    """Write the virtual tokens as plain peft reads them."""
    del base
    adapter: Any = tuned
    adapter.save_pretrained(str(folder))


def load(base: nn.Module, folder: Path) -> nn.Module:
    """The base with the trained virtual tokens before every text."""
    causal: Any = shared_copy(base)
    first = next(base.parameters())
    tuned = PeftModel.from_pretrained(causal, str(folder), torch_device=str(first.device))
    return tuned.to(first.dtype).eval()
