"""A whole training: `train` is a generator without input or output. Iterate it, and it trains.

What it yields is all that happens: the base model's scores, each step of core/train/loop.py, the checks between. It
can be stopped anywhere and gone on with (core/train/progress.py).
"""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core import methods
from core.config import METHODS, RunConfig
from core.errors import Stopped
from core.events import Event, Finished, Notice, Phase, Started, Step
from core.memory import peak_memory_mb
from core.models.load import PLAIN, LoadedModel
from core.models.roles import fused_note
from core.models.seed import seed_everything
from core.train.checks import Checks
from core.train.loop import make_optimizer, take_steps
from core.train.optimizer import AdamW
from core.train.plan import make_plan
from core.train.progress import Mark, Progress
from core.train.regularizers import make_penalties
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
