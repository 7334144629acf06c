"""Take a run's adapter out of the app, as plain peft reads it. Copies files; needs no torch."""

import shutil
from pathlib import Path

from core.errors import UserError
from core.runs.store import RunStore


def export_peft(store: RunStore, run_id: str, to: Path) -> Path:
    """Copy the adapter of a LoRA run into the folder `to`, which must be new or empty.

    Raises `UserError` for a run without an adapter or a folder that cannot be written.
    """
    run = store.get(run_id)
    if run.config.method.name == "full":
        raise UserError(
            f"The run {run.id} tuned every weight, so it has no adapter; "
            "the format peft is for LoRA runs."
        )
    source = store.artifact_dir(run.id)
    if not (source / "adapter_config.json").is_file():
        raise UserError(
            f"The run {run.id} has no saved adapter (it is {run.status}); run it again."
        )
    try:
        if to.exists() and any(to.iterdir()):
            raise UserError(f"The folder {to} is not empty; choose a new one.")
        shutil.copytree(source, to, dirs_exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder {to} cannot be written: {error.strerror or error}.") from error
    return to
