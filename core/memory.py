"""How much memory this process uses and has used."""

import sys

import psutil


def peak_memory_mb() -> float:
    """Largest resident set of this process since it started, in MB (10⁶ bytes)."""
    info = psutil.Process().memory_info()
    if sys.platform == "win32":
        return info.peak_wset / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
