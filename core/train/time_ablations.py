"""What does each part of our speed save? Ablations: real LoRA steps on real batches, tricks on and off, by turns. Needs torch.

Every variant trains a LoRA of its own from the same start on the same batches, so their losses must
agree, too: a trick may change the time, never the result (up to the order of additions).
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from core import methods
from core.config import (
    DataConfig,
    OptimizerConfig,
    RunConfig,
    check_choice,
    check_number,
)
from core.data.encode import Encoded
from core.errors import UserError
from core.methods.sharing import shared_copy, with_parameters
from core.models.attention import using_attention
from core.models.forward import additive_mask, tree_outputs
from core.models.fused import unfuse
from core.models.load import LoadedModel
from core.models.precision import autocast
from core.models.seed import seed_everything
from core.models.structure import backbone_and_head
from core.models.trie import build
from core.train.ablations import ABLATIONS, MOST_ROUNDS, TimedStep, variants
from core.train.loop import make_optimizer, take_step
from core.train.optimizer import AdamW
from core.train.plan import make_batches
from core.train.schedule import learning_rate

FUSED = "sdpa"


@dataclass
class Variant:
    """A LoRA in training with some tricks off."""

    off: Sequence[str]
    model: nn.Module
    optimizer: AdamW
    dtype: torch.dtype


def time_ablations(
    base: LoadedModel,
    *,
    task: str,
    batch_size: int,
    seed: int,
    off: Sequence[str],
    rounds: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[TimedStep]:
    """One step of every variant in each round; the first round, which warms up, is number 0.

    Ends early when `should_stop` says so. Raises `UserError` for a trick that is not known.
    """
    check_number("rounds", rounds, 1, MOST_ROUNDS, whole=True)
    if base.path == "plain":
        raise UserError(
            "This model is computed by transformers' own code: there is nothing to switch off."
        )
    for name in off:
        check_choice("The trick", name, tuple(ABLATIONS))
    config = RunConfig(
        data=DataConfig(task=task),
        optimizer=OptimizerConfig(steps=rounds + 1, batch_size=batch_size),
        seed=seed,
    )
    batches = make_batches(config, base.tokenizer)
    compared = {
        name: _variant(base, config, tricks) for name, tricks in variants(tuple(off)).items()
    }
    for number, pairs in enumerate(batches):
        rate = learning_rate(number + 1, config.optimizer)
        for name, variant in compared.items():
            if should_stop():
                return
            with _cores("cores" not in variant.off):
                tick = time.perf_counter()
                loss, n_tokens = step(variant, pairs, rate=rate, clip_norm=1.0)
                step_s = time.perf_counter() - tick
            yield TimedStep(
                variant=name,
                round=number,
                step_s=step_s,
                loss=loss,
                tokens=n_tokens,
                dtype=str(variant.dtype).removeprefix("torch."),
            )


def _variant(base: LoadedModel, config: RunConfig, off: Sequence[str]) -> Variant:
    """Frozen weights are shared, unless this one is in the other precision."""
    seed_everything(config.seed)
    dtype, model = base.dtype, base.model
    if "precision" in off:
        dtype = torch.float32 if base.dtype is torch.bfloat16 else torch.bfloat16
        model = with_parameters(model, lambda name, p: p.detach().to(dtype), train=False)
    if "gradients" in off:
        model = shared_copy(model)
        unfuse(model)
    tuned = methods.find(config.method.name).attach(model, config.method).train()
    return Variant(off, tuned, make_optimizer(tuned, config), dtype)


def step(
    variant: Variant, pairs: Sequence[Encoded], *, rate: float, clip_norm: float
) -> tuple[float, int]:
    """One optimizer step; the loss, and the number of tokens computed."""
    model, optimizer = variant.model, variant.optimizer
    device = next(model.parameters()).device
    if not {"tree", "labels", "attention"} & set(variant.off):
        batch = build(pairs).to(device)
        loss, _, _ = take_step(
            model, optimizer, batch, rate=rate, clip_norm=clip_norm, dtype=variant.dtype
        )
        return loss, len(batch.token_ids)
    laid_out = lay_out_padded(pairs) if "tree" in variant.off else lay_out_tree(pairs)
    with autocast(device, variant.dtype):
        mean = plain_loss(model, laid_out.to(device), variant.off)
    mean.backward()
    optimizer.clip(clip_norm)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad()
    return mean.item(), laid_out.tokens.numel()


@dataclass(frozen=True)
class LaidOut:
    """A batch in rows (one, if it is a tree): what attends to what, and where the loss looks."""

    tokens: torch.Tensor
    """(B, T)"""
    position_ids: torch.Tensor
    """(B, T)"""
    attends: torch.Tensor
    """(B, T, T) bool"""
    predict_at: torch.Tensor
    """(M,) numbers of tokens, counted row by row."""
    targets: torch.Tensor
    """(M,)"""
    counts: torch.Tensor
    """(M,) how many examples have this target here."""
    parents: list[int] | None = None
    """What each token hangs on, where the one row is a tree."""

    def to(self, device: torch.device) -> "LaidOut":
        moved: dict[str, Any] = {
            name: value.to(device) if torch.is_tensor(value) else value
            for name, value in vars(self).items()
        }
        return LaidOut(**moved)


def lay_out_tree(pairs: Sequence[Encoded]) -> LaidOut:
    batch = build(pairs)
    return LaidOut(
        batch.token_ids[None],
        batch.depth[None],
        batch.attends[None],
        batch.predict_at,
        batch.targets,
        batch.counts,
        batch.parents,
    )


def lay_out_padded(pairs: Sequence[Encoded]) -> LaidOut:
    """Every example in a row of its own, padded at the right, as is usual."""
    width = max(len(pair.ids) for pair in pairs)
    tokens = torch.tensor([pair.ids + [0] * (width - len(pair.ids)) for pair in pairs])
    causal = torch.ones(width, width, dtype=torch.bool).tril()
    at: list[int] = []
    targets: list[int] = []
    for row, pair in enumerate(pairs):
        first = row * width + len(pair.prompt_ids) - 1
        at += range(first, first + len(pair.completion_ids))
        targets += pair.completion_ids
    return LaidOut(
        tokens,
        torch.arange(width).expand(len(pairs), -1),
        causal.expand(len(pairs), -1, -1),
        torch.tensor(at),
        torch.tensor(targets),
        torch.ones(len(at), dtype=torch.long),
    )


def plain_loss(model: nn.Module, batch: LaidOut, off: Sequence[str]) -> torch.Tensor:
    """The same mean loss as `core.models.trie.mean_loss`, without the tricks in `off`."""
    backbone, head = backbone_and_head(model)
    if batch.parents is not None and "attention" not in off:
        hidden = tree_outputs(model, batch.tokens[0], batch.position_ids[0], batch.parents)
    else:
        dtype = next(backbone.parameters()).dtype
        with using_attention(backbone, FUSED if "attention" in off else "tree"):
            found: Any = backbone(
                input_ids=batch.tokens,
                position_ids=batch.position_ids,
                attention_mask=additive_mask(batch.attends, dtype),
                use_cache=False,
            )
        hidden = found.last_hidden_state.flatten(0, 1)  # (B·T, H)
    logits = head(hidden)[batch.predict_at] if "labels" in off else head(hidden[batch.predict_at])
    if logits.dtype is torch.bfloat16:
        logits = logits.float()
    losses = F.cross_entropy(logits, batch.targets, reduction="none")
    return (losses * batch.counts).sum() / batch.counts.sum()


@contextmanager
def _cores(all_of_them: bool) -> Generator[None]:
    usual = torch.get_num_threads()
    torch.set_num_threads(usual if all_of_them else 1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)
