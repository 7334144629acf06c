"""The dtype probe: on a device that computes later, the computing is timed and not the asking."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from core.models import probe


class LaterDevice(TorchDispatchMode):
    """A GPU made of the meta device: a product is queued at once, and takes a second of `clock`."""

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.queued_s = 0.0, 0.0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func is torch.ops.aten.mm.default:
            self.queued_s += 1.0
            self.n = args[0].shape[0]
        return func(*args, **(kwargs or {}))

    def now(self) -> float:
        self.clock += 1e-6
        return self.clock

    def synchronize(self, *_: object) -> None:
        self.clock, self.queued_s = self.clock + self.queued_s, 0.0


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_products_are_awaited(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with LaterDevice() as device:
        torch.ones(2, 2, device="meta") @ torch.ones(2, 2, device="meta")  # of someone before
        monkeypatch.setattr(torch.accelerator, "synchronize", device.synchronize)
        monkeypatch.setattr("time.perf_counter", device.now)
        found = probe._gflops(dtype, torch.device("meta"))
    assert found == pytest.approx(2 * device.n**3 / 1e9, rel=1e-3)


def test_the_faster_dtype_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    speeds = {"float32": 100.0, "bfloat16": 130.0}
    monkeypatch.setattr(probe, "_gflops", lambda name, device: speeds[name])
    assert probe.probe.__wrapped__().dtype == "bfloat16"
    speeds["bfloat16"] = 110.0  # not by enough to give up precision
    assert probe.probe.__wrapped__().dtype == "float32"
