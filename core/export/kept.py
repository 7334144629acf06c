"""Exports that a page made: where they lie until they are downloaded, and as one ZIP."""

import os
import shutil
import zipfile
from pathlib import Path

from core.errors import UserError, shortened
from core.export.folder import FULL
from core.paths import data_dir
from core.runs.artifacts import folder_of as artifacts_of


def folder_of(run_id: str, format: str) -> Path:
    """Where a run's export in a format lies, or will. `UserError` for what cannot be an id."""
    return data_dir() / "exports" / f"{artifacts_of(run_id).name}-{format}"


def is_there(run_id: str, format: str) -> bool:
    return folder_of(run_id, format).is_dir()


def zipped(run_id: str, format: str) -> Path:
    """The export as a ZIP beside its folder, made when it is first asked for; whole or not at all.

    Weights hardly get smaller: everything is stored as it is, which takes no time.
    """
    folder = folder_of(run_id, format)
    path = folder.with_name(f"{folder.name}.zip")
    if path.is_file():
        return path
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            for file in sorted(f for f in folder.rglob("*") if f.is_file()):
                archive.write(file, Path(folder.name) / file.relative_to(folder))
        partial.replace(path)
    except OSError as error:
        if error.errno in FULL:
            raise UserError("The disk is full; free some space and try again.") from error
        raise UserError(f"The ZIP cannot be written: {shortened(error)}.") from error
    finally:
        partial.unlink(missing_ok=True)
    return path


def remove(run_id: str, format: str = "*") -> None:
    """Delete a run's export in one format, or in all of them."""
    folder = folder_of(run_id, "")
    for found in folder.parent.glob(f"{folder.name}{format}"):
        shutil.rmtree(found, ignore_errors=True) if found.is_dir() else found.unlink()
    for found in folder.parent.glob(f"{folder.name}{format}.zip"):
        found.unlink(missing_ok=True)
