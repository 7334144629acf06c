"""The one device on which every side of the benchmark computes, and how it is timed. Needs torch."""

from typing import Any

import torch

from core.memory import peak_memory_mb as resident_mb
from core.models.load import best_device

__all__ = ["best_device", "device_of", "peak_memory_mb", "synchronize"]


def device_of(model: Any) -> torch.device:
    return next(model.parameters()).device


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was given: else its launches would be timed."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def peak_memory_mb(device: torch.device) -> float:
    """The largest memory so far, in MB (10⁶ bytes): of the GPU where it computes, else resident."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resident_mb()
