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
    """Measured 10⁹ multiply-adds x 2 per second of matrix products, by dtype."""


@cache
def probe() -> Probe:
    """Time matrix products in both precisions: the best of nine each, in turns.

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


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has computed all it was given: it takes work at once and does it later."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def _gflops(name: str, device: torch.device) -> float:
    n, products = (512, 1) if device.type == "cpu" else (2048, 8)  # far longer than their launches
    a = torch.ones(n, n, dtype=getattr(torch, name), device=device)
    synchronize(device)
    start = time.perf_counter()
    for _ in range(products):
        torch.mm(a, a)
    synchronize(device)
    return products * 2 * n**3 / (time.perf_counter() - start) / 1e9
