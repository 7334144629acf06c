"""The files a run leaves behind (adapter or weights), in a folder of its own in the data folder."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from core.errors import UserError
from core.paths import data_dir
from core.runs.record import RUN_ID, unknown_run


def folder_of(run_id: str) -> Path:
    """The run's folder; not created. `UserError` for what cannot be an id, such as `../x`."""
    if not RUN_ID.fullmatch(run_id):
        raise unknown_run(run_id)
    return data_dir() / "runs" / run_id


def size_bytes(folder: Path) -> int:
    """Size of all files below `folder`; 0 when there is none."""
    total = 0
    for inner, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # deleted while we count
                total += Path(inner, name).stat().st_size
    return total


def remove(folder: Path) -> None:
    """Delete `folder` if it exists. `UserError` when that is not allowed."""
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise UserError(
            f"The folder {folder} cannot be deleted: {error.strerror or error}."
        ) from error
