"""The training loop. `train` is a generator without input or output: iterate it, and it trains.

The heart is `take_step`, the classical five lines: forward, loss, backward, clip, update.
"""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

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
from core.train.progress import Mark, Progress
from core.train.regularizers import make_penalties
from core.train.schedule import learning_rate
from core.train.virtual_tokens import VirtualTokenWatch


@dataclass(frozen=True)
class Trained:
    """What `train` returns when it ends: the tuned model, to be saved or asked."""

    model: nn.Module
    base: LoadedModel
    config: RunConfig
    progress: Progress | None = None
    """Of one that was stopped, to go on from; None where nothing was learned yet."""

    def save(self, folder: Path) -> None:
        """Write the run's artifact."""
        folder.mkdir(parents=True, exist_ok=True)
        methods.find(self.config.method.name).save(self.model, self.base.model, folder)


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


def train(
    config: RunConfig,
    base: LoadedModel,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    progress: Progress | None = None,
    start: Path | None = None,
) -> Generator[Event, None, Trained]:
    """Run `config` on a loaded model, yielding what happens; returns the `Trained` model.

    `should_stop` is asked before each piece of work, a step or the next token of all answers: there a
    run can be made to wait, too (core/runs/compute_lock.py). With the `progress` of one that was stopped it
    goes on from there, and gives what it would have given without the stop. Where the config says
    `start_from`, it begins with the tuned weights of that run, which lie in the folder `start`.
    Raises `UserError` for data that cannot be used or training that diverges, and `Stopped`, with
    the model so far in `partial`, when `should_stop` says so.
    """
    training = _Training(config, base, should_stop, progress, start)
    try:
        yield from training.events()
    except Stopped as stopped:
        stopped.partial = Trained(training.model, base, config, training.progress())
        raise
    return Trained(training.model, base, config)


class _Training:
    """One training: what it made of the config, and where it is."""

    def __init__(
        self,
        config: RunConfig,
        base: LoadedModel,
        should_stop: Callable[[], bool],
        before: Progress | None,
        start: Path | None,
    ) -> None:
        self.started_at = time.perf_counter()
        self.config, self.base, self.should_stop, self.before = config, base, should_stop, before
        seed_everything(config.seed)
        self.plan = make_plan(config, base.tokenizer)
        self.model = methods.find(config.method.name).attach(base.model, config.method)
        if start:
            methods.begin_with(config.method.name, self.model, base.model, start)
        self.checks = Checks(config, base, self.model, self.plan, should_stop)
        self.watch = VirtualTokenWatch(config, base, self.model, self.plan)
        self.optimizer: AdamW | None = None
        self.mark, self.n_yielded = before.mark if before else Mark(), 0

    def events(self) -> Iterator[Event]:
        """All that happens; counted, so that a mark says how many of the events belong to it."""
        for event in self._all():
            self.n_yielded += 1
            yield event

    def _all(self) -> Iterator[Event]:
        yield from self._go_on() if self.before else self._begin()
        for index in range(self.mark.stage, len(self.plan.stages)):
            yield from self._stage(index)
        yield self._finished()

    def _begin(self) -> Iterator[Event]:
        """What there is to train, and what the base model says."""
        config, trainable, total = self.config, *methods.count_parameters(self.model)
        yield Started(
            model=config.model,
            method=config.method.name,
            task=config.data.task,
            device=str(self.base.device),
            dtype=str(self.base.dtype).removeprefix("torch."),
            n_train=self.plan.n_train,
            n_validation=len(self.plan.validation),
            n_test=len(self.plan.tests[config.data.task]),
            trainable_params=trainable,
            total_params=total,
            path=self.base.path,
        )
        for note in (*self.plan.notes, *notes(config, self.base)):
            yield Notice(step=0, message=note)
        yield from self.checks(0)
        yield from self.watch(0)
        self.penalties = make_penalties(config, self.model, self.base)
        self._set_mark(is_checked=True)

    def _go_on(self) -> Iterator[Event]:
        """From where it was stopped."""
        assert self.before
        where = f"after step {self.mark.step}, where it was stopped"
        yield Notice(step=self.mark.step, message=f"Goes on {where}.")
        self.checks.best, self.checks.n_without_better = self.mark.best, self.mark.n_without_better
        self.checks.next_tokens.first_choice.update(self.before.first_choice)
        n_done = self.mark.step
        self.penalties = make_penalties(self.config, self.model, self.base, n_done=n_done)
        self.before.restore(self.model, self.config.method.name)
        self._set_mark()

    def _stage(self, index: int) -> Iterator[Event]:
        """A stretch of training to its last check; of one that goes on, what is left of it."""
        stage, n_steps = self.plan.stages[index], self.config.optimizer.steps
        goes_on = self.before if self.before and self.before.mark.stage == index else None
        if goes_on is None and index:
            self._set_mark(stage=index, n_in_stage=0, stage_is_over=False)
        n_done = self.mark.n_in_stage
        first = self.mark.step - n_done
        if len(self.plan.stages) > 1 and goes_on is None:
            end = first + n_steps
            yield Phase(index=index, task=stage.task, first_step=first + 1, last_step=end)
            self._set_mark()
        self.optimizer = make_optimizer(self.model, self.config, n_done=n_done)
        if goes_on and n_done:
            self.optimizer.load_state_dict(goes_on.optimizer)
        yield from self._check()
        if not self.mark.stage_is_over:
            for event in take_steps(
                self.config,
                self.base,
                self.model,
                stage,
                self.penalties,
                optimizer=self.optimizer,
                n_done=n_done,
                after=first,
                after_s=self.mark.train_s,
                should_stop=self.should_stop,
            ):
                yield event
                if not isinstance(event, Step):
                    continue
                yield from self.watch(event.step)
                n_done = event.step - first
                self._set_mark(
                    step=event.step,
                    n_in_stage=n_done,
                    train_s=event.elapsed_s,
                    is_checked=False,
                    stage_is_over=n_done == n_steps,
                )
                yield from self._check()
                if self.mark.stage_is_over:
                    break
        yield from self.checks(self.mark.step, last=True)

    def _check(self) -> Iterator[Event]:
        """What is due after a step, unless it is done already."""
        now = self.mark
        if now.is_checked:
            return
        is_over = now.stage_is_over
        if not is_over and now.step % self.config.evaluation.every == 0:
            yield from self.checks(now.step)
            if is_over := self.checks.is_exhausted:
                yield Notice(step=now.step, message=self.checks.why_exhausted)
        self._set_mark(is_checked=True, stage_is_over=is_over)

    def _finished(self) -> Finished:
        trainable, total = methods.count_parameters(self.model)
        return Finished(
            steps=self.mark.step,
            stopped_early=self.checks.is_exhausted,
            trainable_params=trainable,
            total_params=total,
            peak_memory_mb=self._peak_memory_mb(),
            elapsed_s=self._elapsed_s(),
            train_s=self.mark.train_s,
            examples_seen=self.mark.step * self.config.optimizer.batch_size,
        )

    def _set_mark(self, **changed: Any) -> None:
        """From here it can go on: all that happened so far counts."""
        self.mark = replace(
            self.mark,
            n_events=self.n_yielded,
            best=self.checks.best,
            n_without_better=self.checks.n_without_better,
            **changed,
        )

    def _elapsed_s(self) -> float:
        before_s = self.before.elapsed_s if self.before else 0.0
        return before_s + time.perf_counter() - self.started_at

    def _peak_memory_mb(self) -> float:
        return max(peak_memory_mb(), self.before.peak_memory_mb if self.before else 0.0)

    def progress(self) -> Progress | None:
        """What it takes to go on from the last mark; None where there is no step to keep."""
        if not self.mark.step or self.optimizer is None:
            return None
        return Progress(
            mark=self.mark,
            weights={n: p.detach() for n, p in self.model.named_parameters() if p.requires_grad},
            optimizer=self.optimizer.state_dict() if self.mark.n_in_stage else {},
            method=methods.memory_of(self.config.method.name, self.model),
            random=torch.get_rng_state(),
            first_choice=self.checks.next_tokens.first_choice,
            elapsed_s=self._elapsed_s(),
            peak_memory_mb=self._peak_memory_mb(),
        )


def notes(config: RunConfig, base: LoadedModel) -> list[str]:
    """What a reader should know of how this model is computed and tuned, before the first step."""
    found = [PLAIN] if base.path == "plain" else []
    if config.start_from:
        found.append(
            f"It begins with the tuned weights of run {config.start_from}: at step 0 that model answers, not the base."
        )
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
