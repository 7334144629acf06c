"""A full disk, and one that may only be read: commands in processes of their own, on a small disk in memory.

The disk is mounted for the campaign, which takes the rights to do so; without them nothing is tried.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from core.bench.faults.tries import HANG, NOT_TRIED, PATIENCE_S, SENTENCE, SILENT, TRACEBACK, Try
from core.paths import ROOT

KIND = "disk"
SIZE_MB = 4
PAIRS = '{"prompt": "2 + 2 =", "completion": "4"}\n'
COMMANDS = (
    ["runs", "list"],
    ["train", "--data", "FILE"],
    ["train", "--data", "FILE", "--dry-run"],
    ["experiment", "cures"],
    ["evaluate", "--base", "--task", "sentiment"],
    ["runs", "show", "20200101-000000-abcdef"],
    ["data", "FILE"],
    ["prepare", "--wheel", "FILE"],
)
STATES = ("full", "full before anything is there", "read-only")


@contextmanager
def trying(place: Path) -> Generator[Callable[[int, Random], Try]]:
    disk = place / "disk"
    disk.mkdir(parents=True, exist_ok=True)
    file = place / "pairs.jsonl"
    file.write_text(PAIRS * 50)
    is_mounted = _mount(disk, f"size={SIZE_MB}m")
    try:

        def one(number: int, random: Random) -> Try:
            if not is_mounted:
                what = "no right to mount a small disk"
                return Try(kind=KIND, number=number, what=what, outcome=NOT_TRIED)
            state = STATES[number % len(STATES)]
            command = COMMANDS[number // len(STATES) % len(COMMANDS)]
            return _try(number, state, command, disk, file, room=random.choice((0, 4_096, 40_000)))

        yield one
    finally:
        if is_mounted:
            subprocess.run(["umount", str(disk)], check=False)


def _mount(disk: Path, options: str) -> bool:
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
    return bool(mount) and subprocess.run(command, capture_output=True).returncode == 0


def _try(number: int, state: str, command: list[str], disk: Path, file: Path, *, room: int) -> Try:
    """Bring the disk into a state, run the command on it, and give the disk its room back."""
    words = [str(file) if word == "FILE" else word for word in command]
    home = disk / "home"
    shutil.rmtree(home, ignore_errors=True)
    if state != "full before anything is there":
        _run(home, ["runs", "list"])
    filling = disk / "filling"
    if state == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    else:
        _fill(filling, room)
    try:
        outcome, said = _run(home, words)
    finally:
        if state == "read-only":
            subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        filling.unlink(missing_ok=True)
    what = f"{' '.join(command)} on a disk that is {state}, {room} bytes free"
    if outcome in (SENTENCE, SILENT):
        after, later = _run(home, ["runs", "list"])
        if after != SILENT:
            outcome, said = TRACEBACK, f"with room again: {later}"
    return Try(kind=KIND, number=number, what=what, outcome=outcome, said=said)


def _fill(filling: Path, room: int) -> None:
    """Take all but so many bytes of the disk."""
    with filling.open("wb", buffering=0) as f, contextlib.suppress(OSError):
        while f.write(b"\0" * 4_096):
            pass
    os.truncate(filling, max(0, filling.stat().st_size - room))


def _run(home: Path, words: list[str]) -> tuple[str, str]:
    """How a command ended in a process of its own, and what it said."""
    command = [sys.executable, "-m", "core", *words]
    environment = os.environ | {"TUNING_FORK_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ended = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S
        )
    except subprocess.TimeoutExpired:
        return HANG, f"more than {PATIENCE_S:.0f} s"
    said = ended.stderr.strip()
    if "Traceback" in said or ended.returncode not in (0, 1, 2):
        return TRACEBACK, said[-1500:]
    return (SENTENCE, said) if ended.returncode else (SILENT, "")
