"""The files of recorded runs: compressed JSON lines, and an index for each collection.

    assets/recorded/runs/<collection>/index.json           one line for each run
    assets/recorded/runs/<collection>/<run>.jsonl.gz       the same about this run, then its events with their times
    assets/recorded/runs/<collection>/<run>.answers.gz     what it was asked afterwards (core/recorded/answers.py)

A run's file holds everything, so an index that was lost, or not written any more, is made from the files.
Floats have the digits that are shown: four that count. Files are written whole or not at all.
"""

import gzip
import json
import math
import zlib
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import UserError, shortened
from core.paths import ASSETS, save_whole
from core.typed_json import JsonObject, load_json, read, read_object, strict_json

FOLDER = ASSETS / "recorded" / "runs"
INDEX, EVENTS, ANSWERS = "index.json", ".jsonl.gz", ".answers.gz"
MOST_BYTES = 12 * 2**20
"""Of all files together, in the repository."""
MOST_TEXT = 64 * 2**20
"""Bytes that a file unpacks to at most; a run's take a few hundred thousand."""
DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class Index:
    """Of a collection: what is known of all its runs without opening one."""

    collection: str = ""
    defaults: str = ""
    """The hash of the default settings when it was recorded."""
    runs: list[JsonObject]


def rounded(value: Any) -> Any:
    """`value` with every float cut to four digits that count, or whole: 0.0123456 is 0.01235, 123.456 is
    123.5, 123456.7 is 123457.

    What a run is told stays as it is: round no config.
    """
    if isinstance(value, float):
        if not math.isfinite(value) or abs(value) >= 10**DIGITS:
            return value if not math.isfinite(value) else float(round(value))
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return value


@contextmanager
def reading(path: Path | None) -> Generator[None]:
    """Whatever is wrong with what is read from a recorded file becomes a `UserError` that names it."""
    try:
        yield
    except UserError:
        raise
    except RecursionError as error:
        raise _unreadable(path, "it is nested too deeply") from error
    except KeyError as error:
        raise _unreadable(path, f"{error} is missing") from error
    except (OSError, EOFError, ValueError, TypeError, zlib.error) as error:
        raise _unreadable(path, getattr(error, "strerror", None) or error) from error


@contextmanager
def looking_at(folder: Path) -> Generator[None]:
    """The same for a folder; one that is not there is none to complain of. From Python 3.13 on, glob finds nothing
    where it cannot look, and says nothing."""
    with reading(folder):
        with suppress(FileNotFoundError, NotADirectoryError):
            folder.stat()
        yield


def _unreadable(path: Path | None, reason: object) -> UserError:
    return UserError(f"The recorded {shortened(path)} cannot be read: {reason}.")


def write_lines(path: Path, lines: Iterable[JsonObject]) -> None:
    """Write compressed JSON lines; the same lines always make the same bytes."""
    text = "".join(line_of(line) + "\n" for line in lines)
    save_whole(path, gzip.compress(text.encode(), mtime=0), parents=True)


def read_lines(path: Path) -> list[JsonObject]:
    """`UserError` for a file that is missing or damaged."""
    with reading(path):
        with gzip.open(path) as file:
            content = file.read(MOST_TEXT + 1)
        if len(content) > MOST_TEXT:
            raise ValueError(f"it unpacks to more than {MOST_TEXT >> 20} MB")
        # Only "\n" ends a line: a text may hold what Python, too, takes for an end of a line.
        if not (lines := content.decode().removesuffix("\n").split("\n")) or lines == [""]:
            raise ValueError("nothing is in it")
        return [read_object(load_json(line)) for line in lines]


def read_index(folder: Path) -> Index:
    """`UserError` for an index that is damaged; one without runs where there is none."""
    path = folder / INDEX
    if not path.is_file():
        return Index(runs=[])
    with reading(path):
        found = read_object(load_json(path.read_text("utf-8")))
        runs = found["runs"]
        if not isinstance(runs, list):
            raise ValueError("its runs are no list")
        return Index(
            collection=read(str, found.get("collection", "")),
            defaults=read(str, found.get("defaults", "")),
            runs=[read_object(run) for run in runs],
        )


def write_index(folder: Path, index: Index) -> None:
    """One run a line, so that what was added can be seen."""
    lines = ",\n".join(line_of(run) for run in index.runs)
    head = line_of({"collection": index.collection, "defaults": index.defaults})
    text = f'{head[:-1]}, "runs": [\n{lines}\n]}}\n'
    save_whole(folder / INDEX, text.encode(), parents=True)


def names(folder: Path) -> list[str]:
    """Of the collections in a folder; `UserError` where it cannot be looked at."""
    with looking_at(folder):
        return sorted(path.parent.name for path in folder.glob(f"*/{INDEX}"))


def run_ids(folder: Path) -> list[str]:
    """Of the runs that have a file in the folder of a collection; `UserError` as above."""
    with looking_at(folder):
        return sorted(path.name.removesuffix(EVENTS) for path in folder.glob(f"*{EVENTS}"))


def size_bytes(folder: Path) -> int:
    """Of all files of a folder and those in it; `UserError` as above."""
    with looking_at(folder):
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def line_of(value: JsonObject) -> str:
    """As one line of JSON."""
    return json.dumps(strict_json(value), ensure_ascii=False)
