"""How a recorded figure came about: commit, precision, device, processor, load, versions.

Records from before this was kept have an empty stamp, which reads "not known".
"""

import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

from core.errors import UserError
from core.machine import describe_machine, processor_flags
from core.paths import ROOT
from core.quiet import Load, Quietness

PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate")
CHANGED = "+changes"
"""Behind a commit whose files were changed."""


@dataclass(frozen=True, kw_only=True)
class Stamp:
    commit: str = ""
    """Of the code, with `CHANGED` where files differ from it; empty where that is not known."""
    dtype: str = ""
    """Of the matrix products: float32 or bfloat16."""
    device: str = ""
    flags: tuple[str, ...] = ()
    """What the processor can do (core/machine.py)."""
    versions: dict[str, str] = field(default_factory=dict[str, str])
    quiet: Quietness = field(default_factory=Quietness)
    disturbed: tuple[str, ...] = ()
    """Why the figures are not those of a quiet machine, in sentences; empty where nothing speaks against."""
    machine: str = ""
    at: str = ""
    """UTC, such as "2026-11-28T08:30:00Z"."""

    @classmethod
    def now(cls, *, dtype: str, device: str, quiet: Quietness) -> Self:
        """Of something that was measured by this code on this machine."""
        return cls(
            commit=commit(),
            dtype=dtype,
            device=device,
            flags=processor_flags(),
            versions=versions(),
            quiet=quiet,
            disturbed=quiet.disturbances,
            machine=describe_machine(),
            at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        )

    @classmethod
    def of_all(cls, stamps: Sequence["Stamp"]) -> Self:
        """One for a record of several measurements; `UserError` where they cannot stand in one record."""
        for what, name in (("device", "device"), ("precision", "dtype"), ("machine", "machine")):
            check_alike(what, [(f"one at {s.at}", getattr(s, name)) for s in stamps])
        if not stamps or not all(s.at for s in stamps):
            return cls()
        last = max(stamps, key=lambda s: s.at)
        loads = [s.quiet.during for s in stamps if s.quiet.during]
        worst = max(loads, key=lambda one: one.others + (one.steal or 0.0), default=None)
        before = max((s.quiet.before for s in stamps if s.quiet.before), key=_others, default=None)
        during = Load.mean(loads) if loads else None
        return cls(
            commit=", ".join(dict.fromkeys(s.commit for s in stamps if s.commit)),
            dtype=last.dtype,
            device=last.device,
            flags=last.flags,
            versions=last.versions,
            quiet=Quietness(before=before, during=during, worst=worst),
            disturbed=tuple(dict.fromkeys(said for s in stamps for said in s.disturbed)),
            machine=last.machine,
            at=last.at,
        )

    def where(self, *, threads: int = 0) -> str:
        """Sentences for a caption: when, on which machine, with how many threads if told, and `words`."""
        on = f"{self.machine}, {threads} threads" if threads else self.machine
        return f"Recorded on {self.at[:10]} on {on}. {self.words}"

    @property
    def words(self) -> str:
        """Sentences for a caption: what is known, then what is not."""
        known = {
            "precision": self.dtype,
            "device": f"on {self.device}" if self.device else "",
            "processor features": f"with {', '.join(self.flags)}" if self.flags else "",
            "commit": f"commit {self.commit}" if self.commit else "",
            "load": self.quiet.words,
        }
        said = ", ".join(words for name, words in known.items() if words and name != "load")
        missing = [name for name, words in known.items() if not words]
        sentences = [
            f"{said[0].upper()}{said[1:]}." if said else "",
            self.quiet.words,
            f"Not known: {', '.join(missing)}." if missing else "",
        ]
        return " ".join(sentence for sentence in sentences if sentence)


def _others(load: Load) -> float:
    return load.others


def commit() -> str:
    """Of this folder, such as "3bd8a58c2f10" or "3bd8a58c2f10+changes"; empty without git.

    Records themselves (assets/recorded) do not count as changes: they change no figure.
    """
    if Path(_git("rev-parse", "--show-toplevel")) != ROOT:  # a copy inside another project
        return ""
    head = _git("rev-parse", "--short=12", "HEAD")
    changes = _git("status", "--porcelain", "--", ".", ":!assets/recorded")
    return head + (CHANGED if head and changes else "")


def _git(*words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def versions() -> dict[str, str]:
    """Of the packages that decide numbers and speed, where they are installed."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def check_alike(what: str, values: Iterable[tuple[str, str]]) -> None:
    """`UserError` when the values, each (of whom, value), are not one; unknown values do not count.

    `what` is "device" or "precision".
    """
    first: dict[str, str] = {}
    for whom, value in values:
        if value:
            first.setdefault(value, whom)
    if len(first) > 1:
        (a, who_a), (b, who_b), *_ = first.items()
        raise UserError(
            f"{who_a} was measured with {what} {a}, {who_b} with {what} {b}: such figures cannot stand "
            "in one record. Measure all with the same (TUNING_FORK_DEVICE sets the device)."
        )
