"""A command of `python -m core` in a process of its own, for who may not compute or wait: a page.

export = CommandProcess(["export", "--run", run_id, "--to", folder, "--json"])
while export.is_running: …          # export.said[-1] is where it stands
print(export.error or export.messages)
"""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from threading import Thread
from typing import IO

from core.openmp import with_brief_spin
from core.paths import ROOT

ENDS_S = 5
"""Seconds that a command has to clear up after it was stopped."""


class CommandProcess:
    """A running command, what it says, and how it ended. It ends with this process."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.arguments = list(arguments)
        self.started_at = time.time()
        self.messages: list[dict[str, object]] = []
        """The objects it wrote to standard output."""
        self.said: list[str] = []
        """The lines it wrote to standard error: its progress."""
        self._was_stopped = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "core", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=with_brief_spin(os.environ),
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            Thread(target=self._read_messages, args=(self._process.stdout,), daemon=True),
            Thread(target=self._read_said, args=(self._process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        atexit.register(self.stop)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None or any(reader.is_alive() for reader in self._readers)

    @property
    def elapsed_s(self) -> float:
        return time.time() - self.started_at

    @property
    def error(self) -> str:
        """Why it ended without a result, in a sentence; empty while it runs and when all went well."""
        if self.is_running or not self._process.returncode:
            return ""
        if self._was_stopped:
            return "Stopped; nothing was written."
        reasons = [str(m["reason"]) for m in self.messages if m.get("type") == "failed"]
        last = next((line for line in reversed(self.said) if line.strip()), "it said nothing")
        return reasons[-1] if reasons else f"It ended unexpectedly: {last}"

    def stop(self) -> None:
        """End it; it clears up after itself. At once where it has ended already."""
        atexit.unregister(self.stop)
        if self._process.poll() is not None:
            return
        self._was_stopped = True
        self._process.terminate()
        try:
            self._process.wait(ENDS_S)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _read_messages(self, stream: IO[str]) -> None:
        for line in stream:
            with contextlib.suppress(ValueError):  # a library printed something
                message = json.loads(line)
                if isinstance(message, dict):
                    self.messages.append(message)
        stream.close()

    def _read_said(self, stream: IO[str]) -> None:
        for line in stream:
            self.said.append(line.rstrip())
        stream.close()
