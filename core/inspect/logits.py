"""Logits at every token of some prompts: what two models are compared by. Needs torch."""

from collections.abc import Sequence

import torch
from torch import nn

from core.data.lengths import check_length
from core.models.forward import run_layers
from core.models.load import LoadedModel
from core.models.plain import unrolled_logits
from core.models.precision import autocast
from core.models.structure import backbone_and_head, is_plain


@torch.no_grad()
def all_logits(model: nn.Module, base: LoadedModel, prompts: Sequence[str]) -> torch.Tensor:
    """(T, V) float32 logits at every token of the prompts, one after another."""
    found: list[torch.Tensor] = []
    _, head = backbone_and_head(model.eval())
    for prompt in prompts:
        ids = base.tokenizer.ask(prompt)
        check_length(ids, base.tokenizer, 1)
        n = len(ids)
        causal = torch.ones(1, n, n, dtype=torch.bool, device=base.device).tril()
        tokens = torch.tensor([ids], device=base.device)
        position_ids = torch.arange(n, device=base.device)[None]
        with autocast(base.device, base.dtype):
            if is_plain(model):
                found.append(unrolled_logits(model, tokens[0], range(-1, n - 1)).float())
                continue
            hidden = run_layers(model, tokens, position_ids, causal)
            found.append(head(hidden[0]).float())
    return torch.cat(found)
