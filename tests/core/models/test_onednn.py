"""Products of ever new shapes do not fill memory with code that is never run again."""

import os
import subprocess
import sys

import pytest

from core.models.onednn import KEPT, bound_caches
from core.models.probe import probe

GROWTH = """
import sys
import core.models
import torch
from core.memory import memory_mb, release_memory
w = torch.ones(576, 576, dtype=torch.bfloat16)
for rows in range(100, 100 + int(sys.argv[1])):
    torch.ones(rows, 576, dtype=torch.bfloat16) @ w
release_memory()
print(memory_mb())
"""


def test_the_readers_own_setting_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEPT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LRU_CACHE_CAPACITY", "7")
    bound_caches()
    assert os.environ["LRU_CACHE_CAPACITY"] == "7"
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "128"


@pytest.mark.thorough
def test_new_shapes_do_not_add_up() -> None:
    if "bfloat16" not in probe().dtype:
        pytest.skip("this machine computes in float32, by another library")

    def used_mb(n_shapes: int) -> float:
        environment = {name: v for name, v in os.environ.items() if name not in KEPT}
        words = [sys.executable, "-c", GROWTH, str(n_shapes)]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
        return float(done.stdout)

    assert used_mb(1200) - used_mb(200) < 20
