"""Which matrix of a decoder layer plays which role, by its name: other makers, other names.

    Llama, Qwen, Gemma, …   q_proj k_proj v_proj o_proj   gate_proj up_proj down_proj
    Phi-3                   qkv_proj             o_proj   gate_up_proj      down_proj
    GPT-2                   c_attn               c_proj             c_fc    c_proj
    GPT-NeoX                query_key_value      dense       dense_h_to_4h  dense_4h_to_h

A matrix that holds several roles at once (c_attn: query, key and value) is one target, named once.

Reading this module loads no torch, as the methods' files need it (see core/methods).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.errors import UserError
from core.models.layers import layer_of

if TYPE_CHECKING:
    from torch import nn

QKV = ("query", "key", "value")
NAMES: dict[str, tuple[str, ...]] = {
    "q_proj": ("query",),
    "k_proj": ("key",),
    "v_proj": ("value",),
    "o_proj": ("output",),
    "gate_proj": ("gate",),
    "up_proj": ("up",),
    "down_proj": ("down",),
    "qkv_proj": QKV,
    "query_key_value": QKV,
    "c_attn": QKV,
    "dense": ("output",),
    "out_proj": ("output",),
    "attn.c_proj": ("output",),
    "gate_up_proj": ("gate", "up"),
    "dense_h_to_4h": ("up",),
    "dense_4h_to_h": ("down",),
    "c_fc": ("up",),
    "mlp.c_proj": ("down",),
    "fc_in": ("up",),
    "fc_out": ("down",),
    "fc1": ("up",),
    "fc2": ("down",),
}
"""Roles of a matrix, by the end of its module's name; two parts of it where one would not tell."""


def matrices_of(model: nn.Module) -> dict[str, tuple[str, ...]]:
    """The matrices of the model's decoder layers, as the end of their names, and their roles.

    >>> matrices_of(gpt2)
    {"c_attn": ("query", "key", "value"), "attn.c_proj": ("output",), "c_fc": ("up",), …}
    """
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    found: dict[str, tuple[str, ...]] = {}
    for name, module in model.named_modules():
        if layer_of(name) >= 0 and isinstance(module, nn.Linear | Conv1D):
            end = role_name(name)
            if end in NAMES:
                found[end] = NAMES[end]
    return found


def role_name(name: str) -> str:
    """The end of a module's name by which `NAMES` knows it: c_fc, but attn.c_proj."""
    parts = name.split(".")
    return ".".join(parts[-2:]) if parts[-1] == "c_proj" else parts[-1]


def modules_for(model: nn.Module, roles: Sequence[str]) -> list[str]:
    """The matrices that play these roles, each once, as peft takes them for targets.

    Raises `UserError` for a role that the model has no matrix for.
    """
    matrices = matrices_of(model)
    present = [role for held in matrices.values() for role in held]
    if missing := [role for role in roles if role not in present]:
        has = f"it has {', '.join(present)}" if present else "no matrix of it is known here"
        raise UserError(f"This model has no {' and no '.join(missing)} matrix to target; {has}.")
    return [name for name, held in matrices.items() if any(role in held for role in roles)]


def module_named(model: nn.Module, name: str) -> str:
    """The matrix that plays the role `name`; a name that is no role stays as it is."""
    return next((module for module, held in matrices_of(model).items() if name in held), name)


def fused_note(model: nn.Module, roles: Sequence[str]) -> str:
    """A sentence for who targets a part of a matrix that holds more; empty where nobody does."""
    for name, held in matrices_of(model).items():
        chosen = [role for role in held if role in roles]
        if chosen and len(chosen) < len(held):
            every = f"{', '.join(held[:-1])} and {held[-1]}"
            return (
                f"In this model one matrix, {name}, holds {every} together, "
                f"so targeting {' and '.join(chosen)} changes all of them."
            )
    return ""


def has_transposed(model: nn.Module, names: Sequence[str]) -> bool:
    """Whether these matrices are stored as (inputs, outputs): GPT-2's are."""
    from transformers.pytorch_utils import Conv1D

    return any(
        isinstance(module, Conv1D) and role_name(name) in names
        for name, module in model.named_modules()
    )
