"""Models that are being prepared, each by a process of its own, and how far that is."""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

from core.typed_json import read


@dataclass(frozen=True)
class Preparation:
    """How far the preparation of a model is."""

    model: str
    running: bool
    stage: str = ""
    message: str = ""
    done_bytes: int = 0
    total_bytes: int = 0
    error: str = ""

    @property
    def share(self) -> float:
        return self.done_bytes / self.total_bytes if self.total_bytes else 0.0


@dataclass(frozen=True, kw_only=True)
class PreparationLine:
    """A line of `python -m core prepare --json`."""

    type: str = ""
    stage: str = ""
    message: str = ""
    done_bytes: int = 0
    total_bytes: int = 0
    reason: str = ""


class Preparations:
    """Those of one server. Thread-safe."""

    def __init__(self, spawn: Callable[[list[str]], subprocess.Popen[str]]) -> None:
        """`spawn` starts a process whose output can be read."""
        self.known: dict[str, Preparation] = {}
        self._spawn = spawn
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._lock = threading.Lock()

    def start(self, model: str) -> None:
        """Start `python -m core prepare` unless it is running already."""
        with self._lock:
            if model in self._processes:
                return
            self.known[model] = Preparation(model, running=True, message="Starting")
            process = self._spawn(
                [sys.executable, "-m", "core", "prepare", "--model", model, "--json"]
            )
            self._processes[model] = process
        threading.Thread(target=self._follow, args=(model, process), daemon=True).start()

    def stop(self, model: str) -> None:
        if process := self._processes.get(model):
            process.terminate()

    def processes(self) -> list[subprocess.Popen[str]]:
        with self._lock:
            return list(self._processes.values())

    def _follow(self, model: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        reason = ""
        for line in process.stdout:
            with contextlib.suppress(ValueError):  # a library printed something
                said = read(PreparationLine, json.loads(line))
                reason = said.reason
                if said.type == "progress":
                    self.known[model] = Preparation(
                        model,
                        running=True,
                        stage=said.stage,
                        message=said.message,
                        done_bytes=said.done_bytes,
                        total_bytes=said.total_bytes,
                    )
        code = process.wait()
        error = ""
        if code:
            error = reason or "Preparing was stopped; start it again when you like."
        self.known[model] = Preparation(model, running=False, error=error)
        self._processes.pop(model, None)


def end(processes: list[subprocess.Popen[str]]) -> None:
    """Close what each of them reads, which ends it; one that stays is killed after 5 s."""
    for process in processes:
        if process.stdin:
            with contextlib.suppress(OSError):
                process.stdin.close()
    for process in processes:
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
