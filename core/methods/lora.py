"""LoRA (Hu et al. 2021, section 4.1): W stays frozen, beside it B·A of rank r is trained.

    W x  becomes  W x + (alpha / r) · B (A x),   A: (r, d_in) random, B: (d_out, r) zero

so the tuned model starts as the base model, and r·(d_in + d_out) numbers are trained per target.
"""

from pathlib import Path
from typing import Any

from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from torch import nn

from core.config import MethodConfig
from core.errors import UserError
from core.methods.sharing import shared_copy

TITLE = "LoRA"


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with LoRA pairs beside its targets. Draws A from torch's current seed."""
    causal: Any = shared_copy(model)
    causal.requires_grad_(False)
    present = {name.rsplit(".", 1)[-1] for name, _ in causal.named_modules()}
    missing = [t for t in config.target_modules if t not in present]
    if missing:
        raise UserError(f"This model has no layers called {', '.join(missing)} for LoRA to target.")
    peft_config = LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=config.rank,
        lora_alpha=config.alpha,  # pyright: ignore[reportArgumentType]
        target_modules=list(config.target_modules),
        lora_dropout=config.dropout,
        bias="none",
    )
    tuned = get_peft_model(causal, peft_config)
    for parameter in tuned.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return tuned


def save(tuned: nn.Module, base: nn.Module, folder: Path) -> None:
    """Write the adapter as plain peft reads it."""
    del base
    adapter: Any = tuned
    adapter.save_pretrained(str(folder))


def load(base: nn.Module, folder: Path) -> nn.Module:
    """Base plus adapter, not merged."""
    causal: Any = shared_copy(base)
    first = next(base.parameters())
    tuned = PeftModel.from_pretrained(causal, str(folder), torch_device=str(first.device))
    return tuned.to(first.dtype).eval()
