"""In which precision a product is computed. Needs torch."""

import torch


def product_dtype(x: torch.Tensor) -> torch.dtype:
    """In which precision a linear layer would compute on x."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def no_autocast(x: torch.Tensor) -> torch.autocast:
    """Everything inside is in the right precision already."""
    return torch.autocast(x.device.type, enabled=False)
