"""What machine this is, in words for a reader of recorded figures."""

import os
import platform
from pathlib import Path

import psutil

FLAGS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2", "bf16", "sve", "asimd")
"""Instructions that decide how fast a matrix product is, in which precision: Intel and AMD, then ARM."""

NICE = 10
"""On Unix: about a tenth of a busy processor's time, where others want the rest."""


def describe_machine() -> str:
    """Such as "AMD EPYC, 2 cores, 24 GiB, Linux"; says nothing of its name or its user."""
    gib = psutil.virtual_memory().total / 2**30
    return f"{_processor()}, {os.cpu_count()} cores, {gib:.0f} GiB, {platform.system()}"


def give_way() -> None:
    """Let programs of usual priority go before this one: pages and answers, while it trains. Alone it loses nothing."""
    me = psutil.Process()
    lower = getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", None)  # on Windows
    me.nice(max(me.nice(), NICE) if lower is None else lower)


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def processor_flags() -> tuple[str, ...]:
    """Those of `FLAGS` that the processor has; empty where the system does not tell (Linux does)."""
    has = set((_cpuinfo("flags") or _cpuinfo("Features")).split())  # x86; ARM
    return tuple(flag for flag in FLAGS if flag in has)


def _cpuinfo(name: str) -> str:
    """Of the first processor."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text("utf-8", errors="replace").splitlines():
            if line.startswith(name):
                return line.partition(":")[2].strip()
    return ""
