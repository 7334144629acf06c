"""A model of the Hugging Face hub that is not in the catalogue: fetched once, then a folder like any other."""

import re
from collections.abc import Callable
from pathlib import Path

from core.catalog import ModelEntry
from core.errors import UserError, quote
from core.models.acquire import prepare
from core.models.download import Progress

NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def hub_entry(name: str) -> ModelEntry:
    """The entry of a hub model, "owner/name". Its folder is `core.models.acquire.model_dir` of it.

    Raises `UserError` for what cannot be such a name.
    """
    if not NAME.fullmatch(name) or ".." in name:
        raise UserError(
            f"A model of the hub is named owner/name, for example Qwen/Qwen2.5-0.5B; got {quote(name)}."
        )
    return ModelEntry(
        id=f"hub--{name.replace('/', '--')}",
        title=name,
        licence="",
        parameters=0,
        download_mb=0,
        hub=name,
    )


def fetch(name: str, *, on_progress: Callable[[Progress], None]) -> Path:
    """Fetch weights (safetensors only), configuration and tokenizer; the model's folder, at once when it is here.

    Raises `UserError` without a network, and for a model that is not there or not open.
    """
    return prepare(hub_entry(name), on_progress=on_progress)
