"""The training loop. `train` is a generator without input or output: iterate it, and it trains.

The heart is `take_step`, the classical five lines: forward, loss, backward, clip, update.
"""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from core import methods
from core.config import METHODS, RunConfig
from core.errors import Stopped, UserError
from core.events import Event, Finished, Memory, Notice, Phase, Started, Step
from core.memory import peak_memory_mb
from core.methods import Penalty
from core.models.load import PLAIN, LoadedModel
from core.models.precision import autocast
from core.models.roles import fused_note
from core.models.seed import seed_everything
from core.models.trie import TrieBatch, build, mean_loss, tokens_computed
from core.train.batches import mixed_batches
from core.train.checks import Checks
from core.train.footprint import measured
from core.train.optimizer import AdamW
from core.train.plan import Stage, make_plan
from core.train.regularizers import make_penalties
from core.train.schedule import learning_rate
from core.train.virtual_tokens import VirtualTokenWatch


@dataclass(frozen=True)
class Trained:
    """What `train` returns when it ends: the tuned model, to be saved or asked."""

    model: nn.Module
    base: LoadedModel
    config: RunConfig

    def save(self, folder: Path) -> None:
        """Write the run's artifact."""
        folder.mkdir(parents=True, exist_ok=True)
        methods.find(self.config.method.name).save(self.model, self.base.model, folder)


def make_optimizer(model: nn.Module, config: RunConfig) -> AdamW:
    """AdamW over what the method trains."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = AdamW(trainable, weight_decay=config.optimizer.weight_decay)
    methods.follow(config.method.name, model, optimizer, n_steps=config.optimizer.steps)
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


def train(
    config: RunConfig, base: LoadedModel, *, should_stop: Callable[[], bool] = lambda: False
) -> Generator[Event, None, Trained]:
    """Run `config` on a loaded model, yielding what happens; returns the `Trained` model.

    `should_stop` is asked before each piece of work, a step or the next token of all answers: there a
    run can be made to wait, too (core/runs/compute_lock.py).
    Raises `UserError` for data that cannot be used or training that diverges, and `Stopped`, with
    the model so far in `partial`, when `should_stop` says so.
    """
    started_at = time.perf_counter()
    seed_everything(config.seed)
    plan = make_plan(config, base.tokenizer)
    model = methods.find(config.method.name).attach(base.model, config.method)
    checks = Checks(config, base, model, plan, should_stop)
    trainable, total = methods.count_parameters(model)
    yield Started(
        model=config.model,
        method=config.method.name,
        task=config.data.task,
        device=str(base.device),
        dtype=str(base.dtype).removeprefix("torch."),
        n_train=plan.n_train,
        n_validation=len(plan.validation),
        n_test=len(plan.tests[config.data.task]),
        trainable_params=trainable,
        total_params=total,
        path=base.path,
    )
    for note in (*plan.notes, *notes(config, base)):
        yield Notice(step=0, message=note)
    last_step, train_s = 0, 0.0
    try:
        yield from checks(0)
        watch = VirtualTokenWatch(config, base, model, plan)
        yield from watch(0)
        penalties = make_penalties(config, model, base)
        for index, stage in enumerate(plan.stages):
            end = last_step + config.optimizer.steps
            if len(plan.stages) > 1:
                yield Phase(index=index, task=stage.task, first_step=last_step + 1, last_step=end)
            for event in take_steps(
                config,
                base,
                model,
                stage,
                penalties,
                after=last_step,
                after_s=train_s,
                should_stop=should_stop,
            ):
                yield event
                if not isinstance(event, Step):
                    continue
                yield from watch(event.step)
                last_step, train_s = event.step, event.elapsed_s
                if last_step < end and last_step % config.evaluation.every == 0:
                    yield from checks(last_step)
                    if checks.is_exhausted:
                        yield Notice(step=last_step, message=checks.why_exhausted)
                        break
            yield from checks(last_step, last=True)
    except Stopped as stopped:
        stopped.partial = Trained(model, base, config)
        raise
    yield Finished(
        steps=last_step,
        stopped_early=checks.is_exhausted,
        trainable_params=trainable,
        total_params=total,
        peak_memory_mb=peak_memory_mb(),
        elapsed_s=time.perf_counter() - started_at,
        train_s=train_s,
        examples_seen=last_step * config.optimizer.batch_size,
    )
    return Trained(model, base, config)


def notes(config: RunConfig, base: LoadedModel) -> list[str]:
    """What a reader should know of how this model is computed and tuned, before the first step."""
    found = [PLAIN] if base.path == "plain" else []
    if METHODS[config.method.name].low_rank:
        found.append(fused_note(base.model, config.method.target_modules))
    return [note for note in found if note]


def take_steps(
    config: RunConfig,
    base: LoadedModel,
    model: nn.Module,
    stage: Stage,
    penalties: Sequence[Penalty] = (),
    *,
    after: int = 0,
    after_s: float = 0.0,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Step | Memory]:
    """The training loop: one optimizer step for each `Step`, numbered on from `after` steps in `after_s`.

    The very first step is also measured: what it keeps in memory follows it.
    Raises `Stopped` before a step when `should_stop` says so, and `UserError` when the loss is no longer a
    finite number.
    """
    wanted = config.optimizer
    optimizer = make_optimizer(model, config)
    supply = mixed_batches(stage.pools, stage.weights, wanted.batch_size, seed=config.seed)
    train_s = after_s
    for step in range(1, wanted.steps + 1):
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
        if footprint:
            yield footprint.event(step=1, n_tokens=n_computed)
        if not math.isfinite(loss) or not math.isfinite(grad_norm):
            raise UserError(
                f"The loss became {loss:g} at step {after + step}: training diverged. "
                "Lower the learning rate and run it again."
            )
