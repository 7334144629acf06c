"""A tiny model tuned with any method, and its logits: what the tests of methods share."""

import torch
from torch import nn

from core import methods
from core.config import MethodConfig
from core.data.encode import Encoded
from core.models.forward import run_layers
from core.models.load import LoadedModel
from core.models.precision import autocast
from core.models.structure import backbone_and_head
from core.models.trie import build
from core.train.loop import take_step
from core.train.optimizer import AdamW

IDS = torch.tensor([[5, 6, 7, 20, 21]])
BATCH = build([Encoded([5, 6, 7], [9, 1]), Encoded([5, 6, 8, 8], [10, 11, 1])])


def attach(method: str, base: LoadedModel, **settings: object) -> nn.Module:
    torch.manual_seed(0)
    known = {"layers": 1, "virtual_tokens": 4, "bottleneck": 4, **settings}
    config = MethodConfig(name=method, **known)  # pyright: ignore[reportArgumentType]
    return methods.find(method).attach(base.model, config)


def tune(method: str, base: LoadedModel, **settings: object) -> nn.Module:
    """Three large steps with a method, at the base's precision, with all that belongs to it."""
    tuned = attach(method, base, **settings).train()
    optimizer = AdamW([p for p in tuned.parameters() if p.requires_grad], weight_decay=0.01)
    methods.follow(method, tuned, optimizer, n_steps=3)
    penalty = methods.penalty_of(method, tuned)
    for _ in range(3):
        take_step(
            tuned,
            optimizer,
            BATCH,
            rate=0.2 if method == "adalora" else 0.02,  # its singular values start at zero
            clip_norm=1.0,
            dtype=base.dtype,
            penalties=[penalty] if penalty else [],
        )
    return tuned.eval()


@torch.no_grad()
def logits(model: nn.Module) -> torch.Tensor:
    """(T, V) at every token of IDS, the way training and answering compute them."""
    n = IDS.shape[1]
    causal = torch.ones(1, n, n, dtype=torch.bool).tril()
    with autocast(IDS.device, next(model.parameters()).dtype):
        hidden = run_layers(model, IDS, torch.arange(n)[None], causal)
        return backbone_and_head(model)[1](hidden)[0].float()
