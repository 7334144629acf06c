"""What machine this is, in words for a reader of recorded figures."""

import os
import platform
from pathlib import Path

import psutil


def describe_machine() -> str:
    """Such as "AMD EPYC, 2 cores, 24 GiB, Linux"; says nothing of its name or its user."""
    gib = psutil.virtual_memory().total / 2**30
    return f"{_processor()}, {os.cpu_count()} cores, {gib:.0f} GiB, {platform.system()}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text("utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
