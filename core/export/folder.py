"""An exported folder is there whole or not at all.

Everything is written into a folder beside it, which takes the name when all is there and on the disk.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psutil
from safetensors import SafetensorError

from core.errors import UserError, shortened
from core.paths import flush, flush_names

MARK = ".partial-"
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


@contextmanager
def whole_folder(to: Path) -> Generator[Path]:
    """A folder to write into; at the end it is `to`, which must be new or empty.

    `UserError` when `to` holds something already or the disk refuses. Whatever ends it early, an interruption
    too, leaves `to` as it was and nothing beside it; what a killed process left goes with the next export.
    """
    to = to.resolve()  # "." has no name, and a folder beside it takes one
    partial = to.parent / f"{to.name}{MARK}{os.getpid()}-{secrets.token_hex(4)}"
    try:
        if to.exists() and (not to.is_dir() or any(to.iterdir())):
            what = "folder" if to.is_dir() else "file"
            said = "is not empty" if to.is_dir() else "is there already"
            raise UserError(f"The {what} {shortened(to)} {said}; choose a new folder.")
        _remove_leftovers(to)
        partial.mkdir(parents=True)
        yield partial
        flush(partial)
        if to.exists():
            to.rmdir()
        partial.replace(to)
        flush_names(to.parent)
    except (OSError, SafetensorError) as error:
        raise UserError(_not_written(to, error)) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _not_written(to: Path, error: Exception) -> str:
    if "No space left" in str(error) or getattr(error, "errno", 0) in FULL:
        return (
            f"The disk is full: nothing was written to {shortened(to)}. "
            "Free some space, or choose a folder on another disk."
        )
    return (
        f"The folder {shortened(to)} cannot be written: {getattr(error, 'strerror', '') or error}."
    )


def _remove_leftovers(to: Path) -> None:
    """Delete what a process that was killed left of an export to the same place."""
    if not to.parent.is_dir():
        return
    for found in to.parent.iterdir():
        name, mark, owner = found.name.rpartition(MARK)
        number = owner.partition("-")[0]
        if mark and name == to.name and number.isdigit() and not psutil.pid_exists(int(number)):
            shutil.rmtree(found, ignore_errors=True)
