"""Where things live on disk: the model cache and the run data, both per user and movable.

`TUNING_FORK_HOME` moves both (used by tests, and by a classroom that shares one prepared folder).
"""

import os
from pathlib import Path

import platformdirs

from core.errors import UserError

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


def replace_text(path: Path, text: str) -> None:
    """Write a small file whole or not at all; for what can be found out again, so a full disk is no error."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        new.write_text(text, "utf-8")
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)


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
