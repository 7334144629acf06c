"""The parts of a transformers (or PEFT) model: its decoder, its output layer, and how it is computed."""

from typing import Any

from torch import nn


def causal_of(model: nn.Module) -> nn.Module:
    """The model as transformers knows it, inside a tuned one."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model  # pyright: ignore


def is_plain(model: nn.Module) -> bool:
    """Whether the model goes through transformers' own forward (core/models/plain.py), not the tree."""
    return getattr(causal_of(model), "is_plain", False)


def backbone_and_head(model: nn.Module) -> tuple[nn.Module, nn.Module]:
    """The decoder without its output layer, and the output layer."""
    causal: Any = causal_of(model)
    return causal.base_model, causal.get_output_embeddings()
