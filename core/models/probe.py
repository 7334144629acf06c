"""Which precision is fast on this machine? A short measurement decides, once per process."""

import time
from dataclasses import dataclass
from functools import cache

import torch

from core.models.load import best_device


@dataclass(frozen=True)
class Probe:
    device: str
    dtype: str
    """The faster of float32 and bfloat16 for matrix products here."""
    gflops: dict[str, float]
    """Measured 10⁹ multiply-adds x 2 per second of a 512³ product, by dtype."""


@cache
def probe() -> Probe:
    """Time a 512³ matrix product in both precisions: the best of nine each, in turns.

    About 50 ms on a server CPU. Other work on the machine slows some of the nine, seldom all.
    """
    device = best_device()
    names = ("float32", "bfloat16")
    gflops: dict[str, float] = dict.fromkeys(names, 0.0)
    for _ in range(9):
        for name in names:
            gflops[name] = max(gflops[name], _gflops(name, device))
    faster = "bfloat16" if gflops["bfloat16"] > 1.2 * gflops["float32"] else "float32"
    return Probe(str(device), faster, gflops)


def resolve_dtype(name: str) -> torch.dtype:
    """A RunConfig's dtype, with `auto` answered by the probe."""
    return getattr(torch, probe().dtype if name == "auto" else name)


def _gflops(name: str, device: torch.device, *, n: int = 512) -> float:
    a = torch.ones(n, n, dtype=getattr(torch, name), device=device)
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    product = a @ a
    product[0, 0].item()
    return 2 * n**3 / (time.perf_counter() - start) / 1e9
