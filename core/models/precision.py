"""Autocast for the products of a run: weights that are trained stay float32, products run faster."""

from contextlib import AbstractContextManager, nullcontext

import torch


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """bf16 products where `dtype` is bfloat16; nothing to do for float32 and float64."""
    if dtype is not torch.bfloat16:
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype)
