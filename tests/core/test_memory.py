"""What this process uses, what there is, and giving it back."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from core import memory


def test_the_containers_limit_counts_where_it_is_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "CGROUP_LIMITS", (str(limit), str(tmp_path / "absent")))
    assert memory.machine_memory_mb() == psutil.virtual_memory().total / 1e6
    limit.write_text("max\n")
    assert memory.machine_memory_mb() == psutil.virtual_memory().total / 1e6
    limit.write_text("512000000\n")
    assert memory.machine_memory_mb() == 512


@pytest.mark.thorough
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_freed_memory_goes_back_to_the_system() -> None:
    import ctypes

    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    size = 60_000  # below what glibc maps by itself: it stays in the heap when it is freed
    blocks = [libc.malloc(size) for _ in range(5000)]
    for block in blocks:
        libc.memset(block, 1, size)
    for block in blocks[:-1]:  # the last one keeps the heap's end where it is
        libc.free(block)
    held = memory.memory_mb()
    memory.release_memory()
    assert held - memory.memory_mb() > 250
    libc.free(blocks[-1])


@pytest.mark.thorough
def test_the_peak_is_this_process_s_own() -> None:
    held = bytearray(600_000_000)
    held[::4096] = bytes(len(held[::4096])).replace(b"\0", b"\1")
    code = "from core.memory import peak_memory_mb as peak\nn = b'1' * 100_000_000\nprint(peak())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert memory.peak_memory_mb() > 600
    assert 100 < float(done.stdout) < 400
