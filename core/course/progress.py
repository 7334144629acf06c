"""What a learner predicted, ran, tried, solved and answered, kept on this machine.

    keep(Entry(learner="Mia", kind="solved", lesson="lora", item="smallest_rank"))
    progress("Mia").solved                       # {"smallest_rank": Entry(…)}

One file in the data folder, one line of JSON an entry, appended under a lock: several pages and pupils write at
once, and a line that a power cut damaged costs that line only. Each learner of a class has a file of their own, in
their space. Nothing leaves the machine.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from core.checks import check_choice, check_text
from core.classroom.spaces import folder
from core.errors import UserError
from core.paths import writable, write_whole
from core.typed_json import Json, read

KINDS = ("predicted", "ran", "tried", "solved", "answered", "test")
"""A prediction; a run that was started; a challenge tried in vain, and one solved; a question while waiting; a form of
before_after.toml, finished."""
LONGEST_NAME = 60
LOCK_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that a learner did."""

    learner: str = ""
    """As they call themselves on this machine; "" is whoever sits here."""
    kind: str
    """One of `KINDS`."""
    lesson: str = ""
    item: str = ""
    """The prediction, run, challenge, question or form."""
    detail: dict[str, Any] = field(default_factory=dict[str, Any])
    """Plain JSON data."""
    at: str = ""
    """UTC, such as "2026-11-28T18:20:00Z"; set when it is kept."""

    def __post_init__(self) -> None:
        check_choice("The kind of an entry", self.kind, KINDS)
        for text in (self.learner, self.lesson, self.item):
            check_text("An entry", text)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """All entries of a learner, the oldest first."""

    entries: tuple[Entry, ...] = ()

    def of(self, kind: str, *, lesson: str = "") -> list[Entry]:
        """Those of a kind, of one lesson where one is named."""
        return [e for e in self.entries if e.kind == kind and lesson in ("", e.lesson)]

    @property
    def solved(self) -> dict[str, Entry]:
        """The challenges that were solved, each as it was first."""
        found: dict[str, Entry] = {}
        for entry in self.of("solved"):
            found.setdefault(entry.item, entry)
        return found

    @property
    def tries(self) -> Counter[str]:
        """How often each challenge was tried in vain."""
        return Counter(entry.item for entry in self.of("tried"))

    @property
    def tests(self) -> dict[str, Entry]:
        """The newest answers to each form of the questions before and after, by moment."""
        return {entry.item: entry for entry in self.of("test")}


def learner_name(text: str) -> str:
    """A name as it is kept. Raises `UserError` for one that is too long or no text."""
    check_text("Your name", text)
    name = " ".join(text.split())
    if len(name) > LONGEST_NAME:
        raise UserError(
            f"Your name may have at most {LONGEST_NAME} characters; it has {len(name)}."
        )
    return name


def keep(entry: Entry, *, space: str = "") -> None:
    """Write an entry down. Raises `UserError` where the disk refuses."""
    line = json.dumps(asdict(entry) | {"at": entry.at or _now()}, ensure_ascii=False)
    path = place(space)
    with _lock(space):
        try:
            with path.open("ab+") as file:
                if file.tell() and _last_byte(path) != b"\n":  # a power cut broke the last line
                    file.write(b"\n")
                file.write(line.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise UserError(
                f"Your progress cannot be kept in {path}: {error.strerror or error}."
            ) from error


def progress(learner: str = "", *, space: str = "") -> Progress:
    """What a learner did; nothing for one who is new. `UserError` where the file cannot be read."""
    return Progress(entries=tuple(e for e in _entries(space) if e.learner == learner))


def learners() -> list[str]:
    """The names that have entries outside of a class, in alphabetical order; "" is left out."""
    return sorted({entry.learner for entry in _entries("")} - {""}, key=str.casefold)


def forget(learner: str, *, space: str = "") -> int:
    """Delete all entries of a learner; how many there were. Lines that cannot be read stay."""
    with _lock(space):
        lines = _lines(space)
        kept = [line for line in lines if (e := _entry(line)) is None or e.learner != learner]
        if len(kept) < len(lines):
            try:
                write_whole(place(space), "".join(f"{line}\n" for line in kept).encode())
            except OSError as error:
                raise UserError(
                    f"Your progress cannot be deleted: {error.strerror or error}."
                ) from error
    return len(lines) - len(kept)


def place(space: str = "") -> Path:
    return folder(space) / "progress.jsonl"


def _lock(space: str) -> FileLock:
    return FileLock(writable(folder(space)) / "progress.lock", timeout=LOCK_S)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)


def _entries(space: str) -> Iterator[Entry]:
    return filter(None, map(_entry, _lines(space)))


def _lines(space: str) -> list[str]:
    try:
        return place(space).read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(
            f"Your progress cannot be read from {place(space)}: {error.strerror or error}."
        ) from error


def _entry(line: str) -> Entry | None:
    """None for a line that is damaged, or of another version of the app."""
    try:
        found: Mapping[str, Json] = json.loads(line)
        return read(Entry, found)
    except ValueError:
        return None
