"""How an engine starts a process of ours: it talks through pipes, and its log goes into the data folder."""

import contextlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from core.openmp import with_brief_spin
from core.paths import ROOT, data_dir, writable

LARGEST_LOG = 5_000_000
"""Bytes; the log before it is kept, too."""


def spawn(command: Sequence[str]) -> subprocess.Popen[str]:
    logs = writable(data_dir() / "logs")
    _keep_small(logs / "workers.log")
    with (logs / "workers.log").open("a", encoding="utf-8") as errors:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
            env=with_brief_spin(os.environ),
            cwd=ROOT,
        )


def _keep_small(file: Path) -> None:
    """A log that has grown large is put aside, in the place of the one before."""
    with contextlib.suppress(OSError):
        if file.stat().st_size > LARGEST_LOG:
            file.replace(file.with_name(f"{file.name}.1"))
