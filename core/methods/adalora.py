"""AdaLoRA (Zhang et al. 2023): LoRA as P·Λ·Q with a budget of ranks that moves to where it matters.

    W x  becomes  W x + (alpha / r) · Q Λ (P x),   P: (r, d_in), Λ: (r) zero, Q: (d_out, r)

Training starts with more ranks than wanted; the singular values Λ that matter least (by a smoothed
|weight · gradient|, section 3.2) are set to zero, until `rank` on average are left. A penalty keeps
P and Q near orthogonal (section 3.1, eq. 4), as in a singular value decomposition.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from core.config import MethodConfig, MethodSpec
from core.config.specification import Count, Picture
from core.formulas.parameters import per_target
from core.methods.lora import RANK
from core.methods.through_peft import (
    attach_through_peft,
    last_layer_numbers,
    load_through_peft,
    save_through_peft,
)
from core.models.roles import has_transposed, modules_for
from core.shape import ModelShape

if TYPE_CHECKING:
    import torch
    from torch import nn

MORE_RANKS = 1.5
"""Ranks at the start for each one at the end (the paper's choice)."""
BEFORE, AFTER = 0.2, 0.3
"""Shares of the run before the first rank is taken away and after the last."""
ORTHOGONALITY = 0.5
"""The penalty's factor; peft's default."""


def initial_rank(method: MethodConfig) -> int:
    return math.ceil(MORE_RANKS * method.rank)


def count(method: MethodConfig, shape: ModelShape) -> Count:
    """At the ranks it starts with; the rank allocator then sets some of them to zero."""
    r = initial_rank(method)
    return per_target(
        method,
        shape,
        "r₀ · (inputs + outputs + 1)",
        lambda i, o: (r * (i + o + 1), f"{r} · ({i:,} + {o:,} + 1)"),
        letters={"r₀": "rank at the start, 1.5 times the wanted one"},
    )


def picture(method: MethodConfig) -> Picture:
    """P, Λ and Q beside every target."""
    return Picture(added=dict.fromkeys(method.target_modules, ("P", "Λ", "Q")))


SPEC = MethodSpec(
    name="adalora",
    title="AdaLoRA",
    family="reparameterization",
    how="Starts with more ranks than wanted and takes those away that matter least.",
    adds="P, Λ and Q stand beside q and v of every layer. Λ starts at zero.",
    formula=r"W' = W + \frac{\alpha}{r}\, Q \Lambda P",
    paper="Zhang et al. 2023, section 3",
    symbol="hexagon",
    learning_rate=3e-2,
    count=count,
    picture=picture,
    knob=RANK,
    depth="last_layers",
    low_rank=True,
    is_scalable=True,
    plans_one_run=True,
)


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with P, Λ and Q beside its targets, at the initial ranks."""
    from peft import AdaLoraConfig, TaskType

    targets = modules_for(model, config.target_modules)
    peft_config = AdaLoraConfig(
        task_type=TaskType.CAUSAL_LM,
        target_r=config.rank,
        init_r=initial_rank(config),
        lora_alpha=config.alpha,  # pyright: ignore[reportArgumentType]
        target_modules=targets,
        fan_in_fan_out=has_transposed(model, targets),
        layers_to_transform=last_layer_numbers(model, config.last_layers),
        lora_dropout=config.dropout,
        deltaT=1,
        total_step=1,  # `follow` knows the run's length
        orth_reg_weight=ORTHOGONALITY,
    )
    tuned = attach_through_peft(model, peft_config)
    for name, p in tuned.named_parameters():
        if ".ranknum." in name:  # a constant that peft does not save, yet would let be trained
            p.requires_grad_(False)
    return tuned


IMPORTANCES = ("ipt", "exp_avg_ipt", "exp_avg_unc")
"""peft's names: of each singular value and vector, at the last step, smoothed, and how much that varied."""


def memory(tuned: nn.Module) -> dict[str, object]:
    """How much each rank mattered so far, and which are left at the end."""
    model: Any = tuned
    adalora = model.base_model
    found = {name: dict(getattr(adalora.rankallocator, name)) for name in IMPORTANCES}
    return {**found, "rank_pattern": dict(adalora.peft_config["default"].rank_pattern or {})}


def remember(tuned: nn.Module, memory: dict[str, object]) -> None:
    model: Any = tuned
    adalora = model.base_model
    for name in IMPORTANCES:
        setattr(adalora.rankallocator, name, memory[name])
    adalora.peft_config["default"].rank_pattern = memory["rank_pattern"] or None


def follow(
    tuned: nn.Module, optimizer: torch.optim.Optimizer, *, n_steps: int, n_done: int = 0
) -> None:
    """Take ranks away after each update of a run of `n_steps`, as the budget's schedule says.

    A run of one step keeps them all: which matter is known after a step.
    """
    if n_steps < 2:
        return
    model: Any = tuned
    adalora = model.base_model
    config = adalora.peft_config["default"]
    config.tinit = round(BEFORE * n_steps)
    config.tfinal = min(round(AFTER * n_steps), n_steps - 2)
    config.total_step = n_steps
    adalora.rankallocator.set_total_step(n_steps)

    def allocate(*_: Any) -> None:  # gradients are still there: the importance needs them
        nonlocal n_done
        n_done += 1
        adalora.update_and_allocate(n_done)

    optimizer.register_step_post_hook(allocate)


class Orthogonality:
    """The penalty ORTHOGONALITY · mean over P and Q of ‖PPᵀ − I‖ (Frobenius)."""

    def __init__(self, tuned: nn.Module) -> None:
        self.factors = [
            p for name, p in tuned.named_parameters() if ".lora_A." in name or ".lora_B." in name
        ]

    def add_gradient(self) -> float:
        import torch

        distances: list[torch.Tensor] = []
        for p in self.factors:
            square = p @ p.T if p.shape[0] < p.shape[1] else p.T @ p
            distances.append((square - torch.eye(len(square), device=p.device)).norm())
        penalty = ORTHOGONALITY * torch.stack(distances).mean()
        penalty.backward()
        return penalty.item()


penalty = Orthogonality
save = save_through_peft
load = load_through_peft
