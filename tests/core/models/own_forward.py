"""What transformers' (or peft's) own forward computes of a batch, and the batch."""

from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F
from transformers import AutoModelForCausalLM

from core.data.encode import Encoded
from tests.core.models.architectures import NAMES

ON_THE_TREE = ("llama", "qwen2", "qwen3", "phi3", "gpt2", "gpt_neox")


PLAINLY = tuple(name for name in NAMES if name not in ON_THE_TREE)


STEM = [5, 6, 7, 20, 21, 30, 31, 32, 40, 41]  # longer than the window


BATCH = [
    Encoded([*STEM, 50, 51], [9, 60, 1]),
    Encoded([*STEM, 50, 52, 53, 54], [10, 1]),
    Encoded([*STEM, 50, 51], [9, 60, 1]),
    Encoded([5, 8, 8], [10, 11, 70, 71, 72, 1]),
]


PROMPTS = [pair.prompt_ids for pair in BATCH] + [[*range(100, 130)]]


KNOBS: dict[str, Any] = {
    "layers": 1,
    "virtual_tokens": 4,
    "bottleneck": 4,
    "rank": 2,
    "target_modules": ("query", "output"),
}


Folders = dict[str, Path]


def own_model(folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    """As transformers loads it, and nobody has touched it."""
    return AutoModelForCausalLM.from_pretrained(
        str(folder), dtype=dtype, attn_implementation="eager"
    ).eval()


def padded(batch: list[Encoded]) -> dict[str, torch.Tensor]:
    """A batch as Hugging Face's trainers lay it out."""
    width = max(len(pair.ids) for pair in batch)
    return {
        "input_ids": torch.tensor([p.ids + [0] * (width - len(p.ids)) for p in batch]),
        "attention_mask": torch.tensor(
            [[1] * len(p.ids) + [0] * (width - len(p.ids)) for p in batch]
        ),
        "labels": torch.tensor([p.labels + [-100] * (width - len(p.ids)) for p in batch]),
    }


def own_loss(model: Any, batch: list[Encoded]) -> torch.Tensor:
    """The mean over all completion tokens, each text computed by itself."""
    losses: list[torch.Tensor] = []
    for pair in batch:
        found = model(input_ids=torch.tensor([pair.ids])).logits[0]
        first = len(pair.prompt_ids) - 1
        targets = torch.tensor(pair.completion_ids)
        losses.append(F.cross_entropy(found[first:-1], targets, reduction="none"))
    return torch.cat(losses).mean()


def own_forward_loss(tuned: Any, method: str) -> float:
    """Virtual tokens are compared text by text, and AdaLoRA without the penalty that peft adds."""
    if method == "adalora":
        return own_loss(tuned, BATCH).item()
    if method not in ("prompt", "prefix"):
        return tuned(**padded(BATCH)).loss.item()
    n, total = 0, 0.0
    for pair in BATCH:
        found = tuned(**padded([pair]))
        n += len(pair.completion_ids)
        total += found.loss.item() * len(pair.completion_ids)
    return total / n
