"""What a finished run changed, looked at from inside: matrices, spectra, taking away.

Operations of the answering worker, each on plain JSON. Needs torch.
"""

from collections.abc import Sequence
from typing import Any

import torch
from peft import PeftModel
from torch import nn
from torch.nn import functional as F

from core import methods
from core.config import LORA_FAMILY, RunConfig
from core.errors import UserError
from core.evaluate.limits import as_shown
from core.generate.batch import answer_greedily
from core.generate.stream import check_length
from core.methods.merge import weight_changes
from core.models.layers import layer_of
from core.models.load import LoadedModel
from core.models.parts import backbone_and_head, is_plain, run_layers
from core.models.plain import unrolled_logits
from core.models.roles import module_named, role_name
from core.train.loop import seed_everything
from core.train.precision import autocast

Message = dict[str, Any]
CELLS = 96
"""Most cells of a heatmap along a side."""
PROMPTS = (
    "What is your name?",
    "What is the capital of France?",
    "Write a short review of a film.",
)
"""Asked where logits are compared and no prompts are named."""


@torch.no_grad()
def all_logits(model: nn.Module, base: LoadedModel, prompts: Sequence[str]) -> torch.Tensor:
    """(T, V) float32 logits at every token of the prompts, one after another."""
    found: list[torch.Tensor] = []
    _, head = backbone_and_head(model.eval())
    for prompt in prompts:
        ids = base.tokenizer.ask(prompt)
        check_length(ids, base.tokenizer, 1)
        n = len(ids)
        causal = torch.ones(1, n, n, dtype=torch.bool, device=base.device).tril()
        tokens = torch.tensor([ids], device=base.device)
        places = torch.arange(n, device=base.device)[None]
        with autocast(base.device, base.dtype):
            if is_plain(model):
                found.append(unrolled_logits(model, tokens[0], range(-1, n - 1)).float())
                continue
            hidden = run_layers(model, tokens, places, causal)
            found.append(head(hidden[0]).float())
    return torch.cat(found)


def lora_start(config: RunConfig, base: LoadedModel) -> Message:
    """A LoRA before its first step: B is zero, so the logits are the base's."""
    if config.method.name not in LORA_FAMILY:
        raise UserError("Only LoRA and its variants start with B = 0.")
    seed_everything(config.seed)
    tuned = methods.find(config.method.name).attach(base.model, config.method)
    norms = {"A": 0.0, "B": 0.0}
    for name, p in tuned.named_parameters():
        for part in norms:
            if f".lora_{part}." in name:
                norms[part] += p.detach().float().square().sum().item()
    before, after = (all_logits(model, base, PROMPTS) for model in (base.model, tuned))
    layer: Any = next(m for m in tuned.modules() if hasattr(m, "lora_A"))
    return {
        "a_norm": norms["A"] ** 0.5,
        "b_norm": norms["B"] ** 0.5,
        "scaling": float(layer.scaling["default"]),
        "largest_difference": (after - before).abs().max().item(),
        "n_logits": before.numel(),
    }


def matrices(tuned: nn.Module, base: LoadedModel, *, layer: int, module: str) -> Message:
    """B, A and their product beside W, each cut to at most CELLS × CELLS cells."""
    pairs = {
        (layer_of(name), role_name(name)): found
        for name, found in tuned.named_modules()
        if hasattr(found, "lora_A") and len(found.lora_A)  # pyright: ignore
    }
    module = module_named(base.model, module)
    if (layer, module) not in pairs:
        raise UserError(f"This run has no LoRA pair at {module} of layer {layer}.")
    found: Any = pairs[layer, module]
    A, B = _weight(found.lora_A["default"]), _weight(found.lora_B["default"])
    modules: dict[str, list[int]] = {}
    for number, name in sorted(pairs):
        modules.setdefault(name, []).append(number)
    product = found.get_delta_weight("default").detach().float()  # scaled; AdaLoRA: with Λ
    weight = found.get_base_layer().weight.detach().float()
    is_transposed = found.fan_in_fan_out  # stored as (inputs, outputs)
    return {
        "A": _cells(A),
        "B": _cells(B),
        "BA": _cells(product.T if is_transposed else product),
        "W": _cells(weight.T if is_transposed else weight),
        "scaling": float(found.scaling["default"]),
        "shape": [B.shape[0], A.shape[1]],
        "rank": A.shape[0],
        "modules": modules,
    }


def _weight(part: Any) -> torch.Tensor:
    return getattr(part, "weight", part).detach().float()


def _cells(matrix: torch.Tensor) -> list[list[float]]:
    """At most CELLS × CELLS blocks, each the entry of largest size in it."""
    sizes = [-(-n // CELLS) for n in matrix.shape]
    padded = F.pad(matrix, (0, -matrix.shape[1] % sizes[1], 0, -matrix.shape[0] % sizes[0]))
    blocks = padded.unfold(0, sizes[0], sizes[0]).unfold(1, sizes[1], sizes[1]).flatten(2)
    at = blocks.abs().argmax(-1, keepdim=True)
    return blocks.gather(-1, at)[..., 0].tolist()


def spectrum(tuned: nn.Module, base: LoadedModel, *, layer: int, module: str) -> Message:
    """Singular values of W' − W of one matrix, and how many of them say most of it.

    The effective rank is exp of the entropy of the squared values' shares (after Roy & Vetterli 2007,
    who take the values' own shares).
    """
    module = module_named(base.model, module)
    for name, change, weight in weight_changes(tuned, base.model):
        if layer_of(name) == layer and name.removesuffix(".weight").endswith(f".{module}"):
            values = torch.linalg.svdvals(change)
            squares = values.double().square()
            if not squares.sum():
                break
            shares = squares / squares.sum()
            entropy = -(shares * shares.clamp(min=1e-300).log()).sum()
            return {
                "singular_values": values.tolist(),
                "energy": shares.cumsum(0).tolist(),
                "effective_rank": entropy.exp().item(),
                "relative": (change.norm() / weight.float().norm()).item(),
                "shape": list(change.shape),
            }
    raise UserError(f"This run did not change {module} of layer {layer}.")


def take_away(tuned: nn.Module, base: LoadedModel, prompts: Sequence[str]) -> Message:
    """The base's answers, those with a soft prompt, and those after it is taken away again."""
    if not isinstance(tuned, PeftModel) or not hasattr(tuned, "prompt_encoder"):
        raise UserError("Only a soft prompt or a prefix can be taken away like this.")
    ids = [base.tokenizer.ask(prompt) for prompt in prompts]
    bare: Any = tuned.get_base_model()
    answers = {
        name: answer_greedily(model, base, ids, max_new_tokens=24)
        for name, model in (("base", base.model), ("with", tuned), ("without", bare))
    }
    rows = [
        {"prompt": prompt, **{name: as_shown(found[i]) for name, found in answers.items()}}
        for i, prompt in enumerate(prompts)
    ]
    one, other = (all_logits(model, base, prompts) for model in (base.model, bare))
    return {
        "rows": rows,
        "equal": all(row["base"] == row["without"] for row in rows) and torch.equal(one, other),
        "largest_difference": (one - other).abs().max().item(),
        "n_logits": one.numel(),
    }
