"""How far a training came: all that it needs to go on as if it had never stopped. Needs torch.

    progress = Progress.of(mark, model, optimizer, config, …)    # when it is stopped
    progress.save(path)
    train(config, base, progress=Progress.load(path))            # the same losses as without the stop

Everything that `train` makes anew from the config and the seed is not kept: the order of the batches, the penalties
and where they start, the examples of the checks.
"""

from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core import methods
from core.errors import UserError

DAMAGED = "What the stopped run kept to go on from is damaged; run it again from the beginning."


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A place in a training at which it can be taken up again."""

    stage: int = 0
    n_in_stage: int = 0
    """Steps of this stage that are done."""
    step: int = 0
    """Steps that are done, of all stages."""
    train_s: float = 0.0
    is_checked: bool = False
    """Whether the check after this step, if one was due, is done, too."""
    stage_is_over: bool = False
    """All its steps are done, or it was stopped early; its last check may be left."""
    n_events: int = 0
    """How many events of this training, from where it began or went on, belong to it."""
    best: float = inf
    """Of all validation losses so far."""
    n_without_better: int = 0


@dataclass(kw_only=True)
class Progress:
    mark: Mark
    weights: dict[str, torch.Tensor]
    """Of each trained parameter its own, in full precision."""
    optimizer: dict[str, Any]
    """AdamW's moments, as `state_dict` gives them; empty before the first step of a stage."""
    method: dict[str, object]
    """What the method itself remembers from step to step (core/methods/__init__.py:memory_of)."""
    random: torch.Tensor
    """State of torch's generator on the CPU, from which dropout draws."""
    first_choice: dict[str, int]
    """Of each watched prompt the base model's likeliest next token."""
    elapsed_s: float
    peak_memory_mb: float

    def restore(self, model: nn.Module, method: str) -> None:
        """Put weights, the method's memory and the random numbers back; penalties are made before that."""
        trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        if trained.keys() != self.weights.keys():
            raise UserError(DAMAGED)
        with torch.no_grad():
            for name, p in trained.items():
                p.copy_(self.weights[name])
        methods.remember(method, model, self.method)
        torch.set_rng_state(self.random)

    def save(self, path: Path) -> None:
        """Write it; `OSError` or `RuntimeError` (torch) when the disk refuses."""
        torch.save({**vars(self), "mark": asdict(self.mark)}, path)

    @classmethod
    def load(cls, path: Path) -> "Progress":
        """What `save` wrote; `UserError` for anything else. Only numbers and tensors are read, no code."""
        try:
            found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            mark = Mark(**found.pop("mark"))
            return cls(mark=mark, **found)
        except Exception as error:  # torch raises what the bytes happen to hit
            raise UserError(DAMAGED) from error
