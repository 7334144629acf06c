"""Load a prepared model for work. Needs torch; imported by workers and the command line only."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from core import catalog
from core.answer import Answer
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError
from core.models import acquire

PLAIN = "This model is computed by transformers’ own code, padded: slower, and the same numbers as elsewhere."
"""Said wherever a plain model is trained or checked."""
NextChoices = tuple[int, tuple[tuple[int, float], ...]]
"""The likeliest next token, and the probabilities of that one and others, highest first."""
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}


@dataclass(frozen=True)
class Checked:
    """How a model is computed, and how far that is from its own forward."""

    path: Literal["tree", "plain"] = "tree"
    max_logit_error: float = 0.0
    """Of the path taken."""
    largest_logit: float = 0.0
    tree_logit_error: float | None = None
    """Of the tree, where it can be computed at all."""
    why: str = ""
    """Why not on the tree."""


@dataclass(frozen=True)
class LoadedModel:
    id: str
    model: nn.Module
    """Frozen, in evaluation mode; methods attach to it without changing it."""
    tokenizer: ChatTokenizer
    dtype: torch.dtype
    """Precision of the matrix products: the dtype of the frozen weights."""
    answers: dict[tuple[int, ...], Answer] = field(default_factory=dict[tuple[int, ...], Answer])
    """Greedy answers the base model gave, by length limit and prompt ids."""
    label_logs: dict[tuple[tuple[str, ...], tuple[int, ...]], tuple[float, ...]] = field(
        default_factory=dict[tuple[tuple[str, ...], tuple[int, ...]], tuple[float, ...]]
    )
    """The base model's log-probabilities of labels, by labels and prompt ids."""
    losses: dict[str, float] = field(default_factory=dict[str, float])
    """Validation losses of the base model, by a checksum of the pairs."""
    next_tokens: dict[tuple[int, ...], NextChoices] = field(
        default_factory=dict[tuple[int, ...], NextChoices]
    )
    """What the base model says next, by prompt ids, -1, and ids whose probabilities were wanted, too."""
    norms: dict[str, torch.Tensor] = field(default_factory=dict[str, torch.Tensor])
    """Of the base's matrices, by name, once somebody asked how far they moved."""
    checked: Checked = field(default_factory=Checked)
    """How the model is computed, and how exactly."""

    @property
    def path(self) -> Literal["tree", "plain"]:
        """On trees of tokens, or plainly: by transformers' own forward on padded rows."""
        return self.checked.path

    @property
    def max_logit_error(self) -> float:
        """Largest difference from transformers' own logits, on the text of `core.models.check`."""
        return self.checked.max_logit_error

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device


def load(model: str, *, dtype: torch.dtype) -> LoadedModel:
    """Read weights and tokenizer of a prepared model.

    Raises `UserError` when it is not prepared or its folder is damaged.
    """
    entry = catalog.find_model(model)
    folder = acquire.model_dir(entry)
    if not acquire.is_ready(entry):
        raise UserError(f"The model {entry.id} is not prepared yet; run: python -m core prepare")
    return load_folder(folder, id=entry.id, dtype=dtype)


def load_folder(folder: Path, *, id: str, dtype: torch.dtype) -> LoadedModel:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    from core.models.check import check

    transformers_logging.disable_progress_bar()

    tokenizer = ChatTokenizer.load(folder)
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=dtype,
            attn_implementation="eager",
            use_safetensors=True,
            local_files_only=True,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"The model in {folder} cannot be loaded: {error}") from error
    model.requires_grad_(False).eval().to(best_device())
    return LoadedModel(id, model, tokenizer, dtype, checked=check(model, tokenizer))


def wants_fused() -> bool:
    """Whether models get fused parts; `TUNING_FORK_FUSED=0` leaves them transformers' own."""
    return os.environ.get("TUNING_FORK_FUSED") != "0"


def best_device() -> torch.device:
    """CUDA, else Apple's GPU, else the CPU; `TUNING_FORK_DEVICE` overrides."""
    chosen = os.environ.get("TUNING_FORK_DEVICE")
    if chosen:
        try:
            return torch.device(chosen)
        except RuntimeError as error:
            raise UserError(f"TUNING_FORK_DEVICE={chosen!r} is not a device of torch.") from error
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
