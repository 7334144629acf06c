"""The training loop: the classical five lines, over and over.

`take_step` is its heart: forward, loss, backward, clip, update. A whole training, with its checks, is
`core/train/training.py:train`.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from itertools import islice

import torch
from torch import nn

from core import methods
from core.config import RunConfig
from core.errors import Stopped, UserError
from core.events import Memory, Step
from core.methods import Penalty
from core.models.load import LoadedModel
from core.models.precision import autocast
from core.models.trie import TrieBatch, build, mean_loss, tokens_computed
from core.train.batches import mixed_batches
from core.train.footprint import measured
from core.train.optimizer import AdamW
from core.train.plan import Stage
from core.train.schedule import learning_rate


def make_optimizer(model: nn.Module, config: RunConfig, *, n_done: int = 0) -> AdamW:
    """AdamW over what the method trains; `n_done` steps of its stretch of training are done already."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = AdamW(trainable, weight_decay=config.optimizer.weight_decay)
    n_steps = config.optimizer.steps
    methods.follow(config.method.name, model, optimizer, n_steps=n_steps, n_done=n_done)
    return optimizer


def take_step(
    model: nn.Module,
    optimizer: AdamW,
    batch: TrieBatch,
    *,
    rate: float,
    clip_norm: float,
    dtype: torch.dtype,
    penalties: Sequence[Penalty] = (),
) -> tuple[float, float, float]:
    """One optimizer step; returns the loss, the penalties' sum and the gradient's norm before clipping."""
    with autocast(batch.token_ids.device, dtype):
        loss = mean_loss(model, batch)  # forward, and loss at the completion tokens only
    loss.backward()  # gradients of everything the method trains
    penalty = sum(added.add_gradient() for added in penalties)
    grad_norm = optimizer.clip(clip_norm)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad()
    return loss.item(), penalty, grad_norm.item()


def take_steps(
    config: RunConfig,
    base: LoadedModel,
    model: nn.Module,
    stage: Stage,
    penalties: Sequence[Penalty] = (),
    *,
    optimizer: AdamW | None = None,
    n_done: int = 0,
    after: int = 0,
    after_s: float = 0.0,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Step | Memory]:
    """The training loop: one optimizer step for each `Step`, numbered on from `after` steps of earlier stages.

    With the `optimizer` of one that was stopped, `n_done` steps of this stage are done; all steps took `after_s`.
    What the very first step keeps in memory is measured, and said before it.
    Raises `Stopped` before a step when `should_stop` says so, and `UserError` when the loss is no longer a
    finite number.
    """
    wanted = config.optimizer
    optimizer = optimizer or make_optimizer(model, config)
    supply = mixed_batches(stage.pools, stage.weights, wanted.batch_size, seed=config.seed)
    supply = islice(supply, n_done, None)
    train_s = after_s
    for step in range(n_done + 1, wanted.steps + 1):
        if should_stop():
            raise Stopped
        tick = time.perf_counter()
        if not model.training:  # a check came between
            model.train()
        batch = build(next(supply)).to(base.device)
        rate = learning_rate(step, wanted)
        with measured(model, optimizer) if after + step == 1 else nullcontext() as footprint:
            loss, penalty, grad_norm = take_step(
                model,
                optimizer,
                batch,
                rate=rate,
                clip_norm=wanted.clip_norm,
                dtype=base.dtype,
                penalties=penalties,
            )
        step_s = time.perf_counter() - tick
        n_computed = tokens_computed(model, batch)
        train_s += step_s
        if footprint:
            yield footprint.event(step=1, n_tokens=n_computed)
        yield Step(
            step=after + step,
            loss=loss,
            penalty=penalty,
            learning_rate=rate,
            grad_norm=grad_norm,
            examples_per_s=wanted.batch_size / step_s,
            tokens_per_s=batch.n_tokens / step_s,
            tokens_computed=n_computed,
            tokens_padded=batch.n_tokens_padded,
            step_s=step_s,
            elapsed_s=train_s,
        )
        if not math.isfinite(loss) or not math.isfinite(grad_norm):
            raise UserError(
                f"The loss became {loss:g} at step {after + step}: training diverged. "
                "Lower the learning rate and run it again."
            )
