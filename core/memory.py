"""How much memory this process uses and has used, and how much there is."""

import ctypes
import gc
import sys
from pathlib import Path

import psutil

CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def peak_memory_mb() -> float:
    """Largest resident set of this process since it started, in MB (10⁶ bytes)."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / 1e6
    if sys.platform.startswith(
        "linux"
    ):  # getrusage counts what the process that started this one held
        status = Path("/proc/self/status").read_text("ascii", "replace")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def memory_mb() -> float:
    """Resident set of this process now, in MB."""
    return psutil.Process().memory_info().rss / 1e6


def machine_memory_mb() -> float:
    """What this machine has, or the container that it is, in MB."""
    limits = [psutil.virtual_memory().total]
    for path in map(Path, CGROUP_LIMITS):
        try:
            limits.append(int(path.read_text("ascii")))
        except (OSError, ValueError):  # no container, or one without a limit ("max")
            continue
    return min(limits) / 1e6


def release_memory() -> None:
    """Give freed memory back to the system; glibc keeps what a large step freed."""
    gc.collect()
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
