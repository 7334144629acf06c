"""Logits of next tokens, the highest ones exact. Needs torch.

Where products are bf16, a logit of 16 to 32 comes in steps of 1/8: words with nearly equal chances tie,
and whichever stands first in the vocabulary would be said. So the highest logits are computed once more,
in float32, from the same hidden state.
"""

from typing import Any

import torch
from torch import nn

SHOWN = 64
"""The words whose probabilities anybody looks at."""
RIVALS = 8
"""The words among which the likeliest is found: enough for bf16's ties."""


def float_logits(head: nn.Module, hidden: torch.Tensor) -> torch.Tensor:
    """(B, V) float32 logits after hidden states (B, H)."""
    logits = head(hidden)
    if not _is_coarse(head, logits):
        return logits.float()
    ids = logits.topk(SHOWN, dim=-1).indices
    return logits.float().scatter(-1, ids, _exact(head, hidden, ids))


def likeliest(head: nn.Module, hidden: torch.Tensor) -> torch.Tensor:
    """(B,) the token ids with the highest logits after hidden states (B, H)."""
    logits = head(hidden)
    if not _is_coarse(head, logits):
        return logits.max(-1).indices  # argmax takes more than twice as long
    ids = logits.topk(RIVALS, dim=-1).indices
    best = _exact(head, hidden, ids).max(-1, keepdim=True).indices
    return ids.gather(-1, best)[:, 0]


def _is_coarse(head: nn.Module, logits: torch.Tensor) -> bool:
    bias: Any = getattr(head, "bias", None)
    return logits.dtype is torch.bfloat16 and isinstance(head, nn.Linear) and bias is None


def _exact(head: Any, hidden: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """(B, n) float32 logits of the words `ids` (B, n)."""
    return (head.weight[ids].float() * hidden[:, None].float()).sum(-1)
