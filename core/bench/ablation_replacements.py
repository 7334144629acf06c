"""What stands in the place of each part that an ablation switches off. Needs torch.

The code that trains has no switches: a replacement takes the place of a function for a while. To remove a
part for good, put its replacement there.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers.models.llama.modeling_llama import (
    LlamaAttention,
    LlamaDecoderLayer,
    LlamaRMSNorm,
)

from core.generate import answerer as answers
from core.models import forward, trie
from core.models.fused import attention, layer, linear, product
from core.models.fused import forward as fused_forward
from core.models.fused.attention import FusedAttention
from core.models.fused.block_sparse import Blocks
from core.models.fused.gate import gated
from core.models.fused.layer import FusedLayer, Whole
from core.models.fused.norm import FusedNorm
from core.models.plain import unrolled_logits

Replacement = tuple[Any, str, Any]
"""A module or class, the name in it, and what it stands for instead."""
EPSILON = 1e-5
"""Of SmolLM2's norms."""


def padded_rows(
    model: nn.Module,
    tokens: torch.Tensor,
    depths: torch.Tensor,
    parents: Sequence[int],
    *,
    wanted: torch.Tensor | None = None,
) -> torch.Tensor:
    del depths
    return unrolled_logits(model, tokens, parents, wanted=wanted)


def one_block(parents: Sequence[int]) -> Blocks:
    """All N nodes in one block, which see their ancestors among all N."""
    nodes = torch.arange(len(parents))
    return Blocks(
        queries=nodes[None],
        padding=nodes[:0],
        keys=nodes[None],
        slots=nodes,
        sees=forward.ancestors(parents)[None],
    )


def each_product(x: torch.Tensor, modules: Sequence[nn.Module]) -> torch.Tensor:
    return torch.cat([module(x) for module in modules], dim=-1)


def norm_by_autograd(
    dy: torch.Tensor,
    x: torch.Tensor,
    weight: torch.Tensor,
    scale: torch.Tensor,
    *,
    needs_weight: bool,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    del scale
    with torch.enable_grad():
        given = [x.detach().requires_grad_(), weight.detach().requires_grad_(needs_weight)]
        wide = given[0] if x.dtype is torch.float64 else given[0].float()
        y = F.rms_norm(wide, weight.shape, given[1].to(wide.dtype), EPSILON).to(dy.dtype)
    dx, *dw = torch.autograd.grad(y, given if needs_weight else given[:1], dy)
    return dx, dw[0] if dw else None


def gate_by_autograd(dh: torch.Tensor, gate_up: torch.Tensor, opened: torch.Tensor) -> torch.Tensor:
    del opened
    with torch.enable_grad():
        x = gate_up.detach().requires_grad_()
        h, _ = gated(x)
    return torch.autograd.grad(h, x, dh)[0]


def highest(head: nn.Module, hidden: torch.Tensor) -> torch.Tensor:
    return head(hidden).max(-1).indices


def copied(weights: Sequence[torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
    return torch.cat([weight.to(dtype) for weight in weights])


def no(*args: Any) -> bool:
    del args
    return False


def none(*args: Any) -> None:
    del args


def sdpa(n_nodes: int) -> str:
    del n_nodes
    return "sdpa"


REPLACED: dict[str, tuple[Replacement, ...]] = {
    "fused": (
        (forward, "can_fuse", no),
        (FusedNorm, "forward", LlamaRMSNorm.forward),
        (FusedLayer, "forward", LlamaDecoderLayer.forward),
        (FusedAttention, "forward", LlamaAttention.forward),
    ),
    "tree": ((trie, "tree_logits", padded_rows),),
    "row_attention": ((forward, "attention_for", sdpa),),
    "layer": ((Whole, "of", staticmethod(none)),),
    "norm": ((FusedNorm, "forward", LlamaRMSNorm.forward),),
    "joint_product": ((attention, "project", each_product),),
    "norm_gradient": ((layer, "normed_gradient", norm_by_autograd),),
    "gate_gradient": ((layer, "gated_gradient", gate_by_autograd),),
    "blocks": ((fused_forward, "cut", one_block),),
    "laid_together": ((linear, "joined", copied), (product, "joined", copied)),
    "near_ties": ((answers, "likeliest", highest),),
}


@contextmanager
def without(parts: Sequence[str]) -> Generator[None]:
    """Inside, these parts are switched off; the later of two replacements of the same thing counts."""
    with ExitStack() as stack:
        for name in parts:
            for owner, attribute, value in REPLACED[name]:
                stack.callback(_put_back(owner, attribute))
                setattr(owner, attribute, value)
        yield


def _put_back(owner: Any, attribute: str) -> Callable[[], None]:
    own = vars(owner)[attribute]  # of a class: the function or classmethod itself, not bound
    return lambda: setattr(owner, attribute, own)
