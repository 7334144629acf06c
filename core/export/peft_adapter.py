"""A run's adapter, as plain peft reads it. Copies files; needs no torch."""

import json
import shutil
from pathlib import Path

from safetensors import SafetensorError, safe_open

from core import catalog
from core.errors import UserError
from core.export.card import CARD, model_card
from core.export.tokenizer_files import write_tokenizer
from core.models import acquire
from core.runs import artifacts
from core.runs.store import Run, RunStore
from core.typed_json import Json

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"


def write_adapter(store: RunStore, run: Run, folder: Path) -> None:
    """The adapter, its tokenizer and its card.

    The base model is named by its place on the hub where it has one, not by its folder here; where its
    weights differ from those, the card says so. Raises `UserError` for a run without an adapter that peft knows.
    """
    source = saved_weights(store, run)
    if not (source / ADAPTER_CONFIG).is_file():
        raise UserError(
            f"The run {run.id} was tuned with {run.config.method.name}, which peft has no format for. "
            f"Its weights are in {source}."
        )
    config = _checked(run.id, source)
    entry = catalog.find_model(run.config.model)
    config["base_model_name_or_path"] = entry.hub_name or entry.id
    shutil.copytree(source, folder, dirs_exist_ok=True)
    (folder / ADAPTER_CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True), "utf-8")
    write_tokenizer(acquire.ready_dir(entry), folder)
    (folder / CARD).write_text(model_card(run, store.events(run.id)), "utf-8")


def saved_weights(store: RunStore, run: Run) -> Path:
    """Where the run's weights lie; `UserError` when there are none, or not those that were saved."""
    source = store.artifact_dir(run.id)
    if not source.is_dir() or not any(source.iterdir()):
        raise UserError(
            f"The run {run.id} has no saved adapter (it is {run.status}); run it again."
        )
    artifacts.verify(run.id)
    return source


def _checked(run_id: str, source: Path) -> dict[str, Json]:
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
