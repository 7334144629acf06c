"""Are a prepared model's files what was written? Looked at when it is loaded; imports no torch.

Sizes tell nothing of a file that was overwritten in place: such weights load, and answer nothing. Hashing takes
half a second, so it is done once: again only where size, time of change or place on the disk are others.
"""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.paths import data_dir, write_whole

MARKER = "ready.json"
"""Written last into the folder of a prepared model: where it is from, and its files' sizes and checksums."""


def checksums(folder: Path, names: list[str]) -> dict[str, str]:
    """SHA-256 of each of the files."""
    found: dict[str, str] = {}
    for name in names:
        with (folder / name).open("rb") as stream:
            found[name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def verify(folder: Path) -> None:
    """`UserError` when a file of a prepared model is not what was written; then it counts as not prepared.

    A folder that was prepared before checksums were kept gets them now.
    """
    try:
        marker = json.loads((folder / MARKER).read_text("utf-8"))
        names = sorted(marker["files"])
        seen = [_signature(folder / name) for name in names]
        wanted = marker.get("sha256")
        kept = _kept()
        if wanted and kept.get(str(folder)) == [wanted, seen]:
            return
        found = checksums(folder, names)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"The model in {folder} cannot be read: {error}") from error
    if wanted and found != wanted:
        changed = next(name for name in names if found[name] != wanted.get(name))
        with suppress(OSError):  # a folder that several people share may be read-only
            (folder / MARKER).unlink()
        raise UserError(
            f"The file {folder / changed} is damaged: its checksum differs. "
            "Prepare the model again: python -m core prepare"
        )
    with suppress(OSError, UserError):  # what is kept here can be found out again
        if not wanted:
            _write(folder / MARKER, marker | {"sha256": found})
        _write(_file(), kept | {str(folder): [found, seen]})


def _signature(file: Path) -> list[int]:
    seen = file.stat()
    return [seen.st_size, seen.st_mtime_ns, seen.st_ino]


def _file() -> Path:
    return data_dir() / "verified.json"


def _kept() -> dict[str, Any]:
    try:
        found = json.loads(_file().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, value: dict[str, Any]) -> None:
    write_whole(path, (json.dumps(value, indent=2) + "\n").encode())
