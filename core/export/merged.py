"""A run's whole model in safetensors, as plain transformers loads it. Needs torch.

The change is added to the weights in float32 and the sum rounded once, to the precision that the base is
stored in. Adapters that are no change of a weight (bottlenecks, soft prompts) cannot be merged.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from core import catalog, methods
from core.config import METHODS
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError
from core.export.tokenizer_files import write_tokenizer
from core.methods.merge import merged
from core.methods.sharing import cast_parameters
from core.models import acquire
from core.runs.inference_session import reading_weights
from core.runs.store import Run

BIASED = {"attention_bias": ("q_proj", "k_proj", "v_proj", "o_proj"), "mlp_bias": ("gate_proj", "up_proj", "down_proj")}  # fmt: skip
"""The switches of Llama's config, and which layers they give a bias."""


def merged_model(run: Run, weights: Path) -> Any:
    """The run's model without adapters, on the CPU, in the dtype that the base is stored in."""
    method = METHODS[run.config.method.name]
    if not method.is_mergeable:
        raise UserError(
            f"{method.title} cannot be merged into the weights: what it adds is not a change of one. "
            "Export it as peft, or as a script."
        )
    folder = acquire.ready_dir(catalog.find_model(run.config.model))
    logging.disable_progress_bar()
    model: Any = AutoModelForCausalLM.from_pretrained(
        str(folder), dtype=torch.float32, use_safetensors=True, local_files_only=True
    )
    known = set(model.state_dict())
    with reading_weights(run.id):
        tuned = methods.find(method.name).load(model.requires_grad_(False), weights)
    whole: Any = merged(tuned, method.name)
    _say_biases(whole, set(whole.state_dict()) - known)
    return cast_parameters(whole, _stored_dtype(folder))


def write_merged(run: Run, weights: Path, to: Path) -> None:
    """Write the merged model, its tokenizer and how it ends an answer."""
    base = acquire.ready_dir(catalog.find_model(run.config.model))
    model = merged_model(run, weights)
    model.generation_config.eos_token_id = list(ChatTokenizer.load(base).end_ids)
    model.save_pretrained(to)
    write_tokenizer(base, to)
    config = json.loads((to / "config.json").read_text("utf-8"))
    config.pop("_name_or_path", None)  # a folder of this machine
    (to / "config.json").write_text(json.dumps(config, indent=2), "utf-8")


def _say_biases(model: nn.Module, new: set[str]) -> None:
    """Have the config say that layers have a bias now which had none; `UserError` where it has no word for it."""
    if not new:
        return
    causal: Any = model
    ends = {name.split(".")[-2] for name in new}
    for switch, layers in BIASED.items():
        if hasattr(causal.config, switch) and ends & set(layers):
            setattr(causal.config, switch, True)
            ends -= set(layers)
    if ends:
        raise UserError(
            f"The new biases of {', '.join(sorted(ends))} have no place in a {causal.config.model_type} model "
            "as transformers knows it, so it cannot be written as one."
        )


def _stored_dtype(folder: Path) -> torch.dtype:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    return getattr(torch, config.get("dtype") or config.get("torch_dtype") or "float32")
