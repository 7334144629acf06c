"""How fast can this machine multiply matrices? The roof under which every training step stands."""

import time

import torch

from core.bench.device import best_device, synchronize

SHAPES = ((1024, 1024, 1024), (1024, 576, 3072), (512, 576, 1536))
"""Rows, numbers summed over, columns: on two cores oneDNN computes the bf16 product of 1024³ on one of them
(1,190 against 2,400 · 10⁹ operations per second of the second shape), so one shape alone could be a low roof."""
ROUNDS = 12


def peak_gflops() -> dict[str, float]:
    """10⁹ operations per second of the fastest of `SHAPES`: the best of many, by dtype, in turns."""
    best, device = {"float32": 0.0, "bfloat16": 0.0}, best_device()
    for _ in range(ROUNDS):
        for name in best:
            for rows, summed, columns in SHAPES:
                a = torch.randn(rows, summed, dtype=getattr(torch, name), device=device)
                b = torch.randn(summed, columns, dtype=getattr(torch, name), device=device)
                torch.mm(a, b)
                synchronize(device)
                tick = time.perf_counter()
                torch.mm(a, b)
                synchronize(device)
                gflops = 2 * rows * summed * columns / (time.perf_counter() - tick) / 1e9
                best[name] = max(best[name], gflops)
    return best
