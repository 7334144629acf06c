"""Which precision is fast on this machine? A short measurement decides, once per process."""

import statistics
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
    """Time a 512³ matrix product in both precisions (median of 5, about 20 ms on a server CPU)."""
    device = best_device()
    gflops = {name: _gflops(name, device) for name in ("float32", "bfloat16")}
    faster = "bfloat16" if gflops["bfloat16"] > 1.2 * gflops["float32"] else "float32"
    return Probe(str(device), faster, gflops)


def resolve_dtype(name: str) -> torch.dtype:
    """A RunConfig's dtype, with `auto` answered by the probe."""
    return getattr(torch, probe().dtype if name == "auto" else name)


def _gflops(name: str, device: torch.device, *, n: int = 512) -> float:
    a = torch.ones(n, n, dtype=getattr(torch, name), device=device)
    seconds: list[float] = []
    for _ in range(7):
        if device.type == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        product = a @ a
        product[0, 0].item()
        seconds.append(time.perf_counter() - start)
    return 2 * n**3 / statistics.median(seconds[2:]) / 1e9
