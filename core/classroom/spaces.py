"""The folder of a space: what a learner has that is no run and no row of the database."""

import re
import shutil
from pathlib import Path

from core.errors import UserError
from core.paths import data_dir

SPACE = re.compile(r"[0-9a-f]{32}")


def folder(space: str) -> Path:
    """Where a space's files lie; that of the owner ("") is the data folder itself.

    Raises `UserError` for what is no space: it would lead elsewhere.
    """
    if not space:
        return data_dir()
    if not SPACE.fullmatch(space):
        raise UserError("This is no space of a class.")
    return data_dir() / "spaces" / space


def remove(space: str) -> None:
    """Delete a learner's files. Raises `UserError` where the disk refuses; never for the owner's."""
    if not space:
        raise UserError("The files of the person at this computer belong to no class.")
    try:
        shutil.rmtree(folder(space))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UserError(
            f"The files of a learner cannot be deleted: {error.strerror or error}."
        ) from error
