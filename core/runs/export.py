"""Take a run's adapter out of the app, as plain peft reads it. Copies files; needs no torch."""

import json
import secrets
import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from core import catalog
from core.errors import UserError, shortened
from core.runs import artifacts
from core.runs.model_card import model_card
from core.runs.store import RunStore

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
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
    artifacts.verify(run.id)
    config = _checked(run.id, source)
    entry = catalog.find_model(run.config.model)
    config["base_model_name_or_path"] = entry.hub_name or entry.id
    partial = to.with_name(f"{to.name}.partial-{secrets.token_hex(4)}")
    try:
        if to.exists() and any(to.iterdir()):
            raise UserError(f"The folder {shortened(to)} is not empty; choose a new one.")
        shutil.copytree(source, partial)
        (partial / ADAPTER_CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True), "utf-8")
        (partial / CARD).write_text(model_card(run, store.events(run.id)), "utf-8")
        if to.exists():
            to.rmdir()
        partial.replace(to)
    except OSError as error:
        raise UserError(
            f"The folder {shortened(to)} cannot be written: {error.strerror or error}."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return to


def _checked(run_id: str, source: Path) -> dict[str, Any]:
    """The adapter's own description; `UserError` when that or its weights are damaged or gone."""
    try:
        config = json.loads((source / ADAPTER_CONFIG).read_text("utf-8"))
        with safe_open(source / ADAPTER_WEIGHTS, framework="numpy") as weights:
            if not isinstance(config, dict) or not list(weights.keys()):
                raise ValueError("it holds nothing")
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(
            f"The saved adapter of the run {run_id} is damaged or incomplete; run it again."
        ) from error
    return config
