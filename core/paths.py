"""Where things live on disk: the model cache and the run data, both per user and movable.

`TUNING_FORK_HOME` moves both (used by tests, and by a classroom that shares one prepared folder).
"""

import os
import secrets
from pathlib import Path

import platformdirs

from core.errors import UserError, shortened

ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds `core`."""
ASSETS = ROOT / "assets"


def cache_dir() -> Path:
    """Folder of converted models (safe to delete: they are prepared again)."""
    home = os.environ.get("TUNING_FORK_HOME")
    return Path(home) / "cache" if home else Path(platformdirs.user_cache_dir("tuning-fork"))


def data_dir() -> Path:
    """Folder of runs, uploaded datasets and the run database."""
    home = os.environ.get("TUNING_FORK_HOME")
    return Path(home) / "data" if home else Path(platformdirs.user_data_dir("tuning-fork"))


def writable(folder: Path) -> Path:
    """Create `folder` if needed and return it; raise `UserError` when it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"The folder {folder} cannot be created ({error.strerror}). "
            "Set TUNING_FORK_HOME to a folder you may write to."
        ) from error
    if not os.access(folder, os.W_OK):
        raise UserError(
            f"The folder {folder} cannot be written to. "
            "Set TUNING_FORK_HOME to a folder you may write to."
        )
    return folder


def flush(folder: Path) -> None:
    """Have everything in a folder on the disk, so that a power cut leaves no name without its content."""
    for inner, _, names in os.walk(folder):
        for name in names:
            with Path(inner, name).open("r+b") as file:
                os.fsync(file.fileno())
        flush_names(Path(inner))


def flush_names(folder: Path) -> None:
    """Have a folder's list of names on the disk; after a file in it was renamed."""
    if os.name == "nt":
        return  # it opens no folders
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, also where several write it at once. `OSError` when it cannot be;
    then nothing of it is left behind.
    """
    writable(path.parent)
    _replace(path, content)


def _replace(path: Path, content: bytes) -> None:
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with new.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # else a power cut may leave the name without the content
        new.replace(path)
        flush_names(path.parent)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def save_whole(path: Path, content: bytes, *, parents: bool = False) -> None:
    """The same for a file that a reader names, or that comes with the app: `UserError` when the disk refuses.

    With `parents` its folder is made where it is missing. What is there and no file, such as /dev/stdout, is written to and not replaced.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            if parents:
                path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, content)
    except OSError as error:
        raise UserError(
            f"{shortened(path)} cannot be written: {error.strerror or error}."
        ) from error
