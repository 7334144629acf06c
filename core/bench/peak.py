"""How fast can this machine multiply matrices? The roof under which every training step stands."""

import time

import torch

SIDE = 1024
ROUNDS = 12


def peak_gflops() -> dict[str, float]:
    """10⁹ operations per second of a 1024³ product: the best of many, by dtype, in turns."""
    best = {"float32": 0.0, "bfloat16": 0.0}
    for _ in range(ROUNDS):
        for name in best:
            a = torch.randn(SIDE, SIDE, dtype=getattr(torch, name))
            b = torch.randn(SIDE, SIDE, dtype=getattr(torch, name))
            torch.mm(a, b)
            tick = time.perf_counter()
            torch.mm(a, b)
            best[name] = max(best[name], 2 * SIDE**3 / (time.perf_counter() - tick) / 1e9)
    return best
