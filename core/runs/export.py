"""Take a run's adapter out of the app, as plain peft reads it. Copies files; needs no torch."""

import json
import shutil
from pathlib import Path

from core import catalog
from core.errors import UserError, shortened
from core.runs.model_card import model_card
from core.runs.store import RunStore

ADAPTER_CONFIG = "adapter_config.json"
CARD = "README.md"


def export_peft(store: RunStore, run_id: str, to: Path) -> Path:
    """Copy a run's adapter into the folder `to`, which must be new or empty.

    The base model is named by its place on the hub where it has one, not by its folder here; where its
    weights differ from those, the card beside the adapter says so. Raises `UserError` for a run without an adapter that peft knows, or a folder that cannot be written.
    """
    run = store.get(run_id)
    method = run.config.method.name
    source = store.artifact_dir(run.id)
    if not source.is_dir() or not any(source.iterdir()):
        raise UserError(
            f"The run {run.id} has no saved adapter (it is {run.status}); run it again."
        )
    if not (source / ADAPTER_CONFIG).is_file():
        raise UserError(
            f"The run {run.id} was tuned with {method}, which peft has no format for. "
            f"Its weights are in {source}."
        )
    try:
        if to.exists() and any(to.iterdir()):
            raise UserError(f"The folder {shortened(to)} is not empty; choose a new one.")
        shutil.copytree(source, to, dirs_exist_ok=True)
        _name_base(to / ADAPTER_CONFIG, catalog.find_model(run.config.model))
        (to / CARD).write_text(model_card(run, store.events(run.id)), "utf-8")
    except OSError as error:
        raise UserError(
            f"The folder {shortened(to)} cannot be written: {error.strerror or error}."
        ) from error
    return to


def _name_base(path: Path, entry: catalog.ModelEntry) -> None:
    config = json.loads(path.read_text("utf-8"))
    config["base_model_name_or_path"] = entry.hub_name or entry.id
    path.write_text(json.dumps(config, indent=2, sort_keys=True), "utf-8")
