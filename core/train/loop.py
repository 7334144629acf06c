"""The training loop. `train` is a generator without input or output: iterate it, and it trains.

The heart is `take_step`, the classical five lines: forward, loss, backward, clip, update.
"""

import math
import random
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from core import methods
from core.config import RunConfig
from core.data.encode import Encoded, encode
from core.data.examples import Example, Splits, load_splits, task_examples
from core.errors import Stopped, UserError
from core.evaluate.task import evaluate_task
from core.events import Event, Finished, Notice, Sample, Started, Step, Validation
from core.memory import peak_memory_mb
from core.models.load import LoadedModel
from core.train.batches import batches
from core.train.precision import autocast
from core.train.schedule import learning_rate
from core.train.trie import TrieBatch, build, mean_loss

VALIDATION_PAIRS = 16
"""Validation pairs used at each check; more would slow a lesson and move the mean little."""


@dataclass(frozen=True)
class Trained:
    """What `train` returns when it ends: the tuned model, to be saved or asked."""

    model: nn.Module
    base: LoadedModel
    config: RunConfig

    def save(self, folder: Path) -> None:
        """Write the run's artifact; `UserError` when the disk refuses."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            methods.find(self.config.method.name).save(self.model, self.base.model, folder)
        except OSError as error:
            raise UserError(
                f"The tuned weights cannot be saved ({error.strerror or error}); "
                "free some disk space and run it again. The curves are kept."
            ) from error


def seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def make_optimizer(model: nn.Module, config: RunConfig) -> torch.optim.AdamW:
    """AdamW over what the method trains, its update fused into one pass over memory."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.AdamW(
        trainable, lr=0.0, weight_decay=config.optimizer.weight_decay, fused=True
    )


def take_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: TrieBatch,
    *,
    rate: float,
    clip_norm: float,
    dtype: torch.dtype,
) -> tuple[float, float]:
    """One optimizer step; returns the loss and the gradient's norm before clipping."""
    with autocast(batch.token_ids.device, dtype):
        loss = mean_loss(model, batch)  # forward, and loss at the completion tokens only
    loss.backward()  # gradients of everything the method trains
    trainable = [p for group in optimizer.param_groups for p in group["params"]]
    grad_norm = nn.utils.clip_grad_norm_(trainable, clip_norm)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad()
    return loss.item(), grad_norm.item()


@torch.no_grad()
def validation_loss(model: nn.Module, pairs: list[Encoded], base: LoadedModel) -> float:
    """Mean loss per completion token over `pairs`, computed in tries of 16."""
    total, count = 0.0, 0
    for start in range(0, len(pairs), 16):
        batch = build(pairs[start : start + 16]).to(base.device)
        n = int(batch.counts.sum())
        with autocast(base.device, base.dtype):
            total += mean_loss(model, batch).item() * n
        count += n
    return total / count


def train(
    config: RunConfig, base: LoadedModel, *, should_stop: Callable[[], bool] = lambda: False
) -> Generator[Event, None, Trained]:
    """Run `config` on a loaded model, yielding what happens; returns the `Trained` model.

    Raises `UserError` for data that cannot be used or training that diverges, and `Stopped`, with
    the model so far in `partial`, when `should_stop` says so.
    """
    started_at = time.perf_counter()
    seed_everything(config.seed)
    splits = load_splits(config.data, seed=config.seed)
    pairs = [encode(example, base.tokenizer) for example in splits.train]
    if not pairs:
        raise UserError("No training pairs are left after the split; add more data.")
    model = methods.find(config.method.name).attach(base.model, config.method)
    checks = Checks(config, base, model, splits, should_stop)
    trainable, total = methods.count_parameters(model)
    yield Started(
        model=config.model,
        method=config.method.name,
        task=config.data.task,
        device=str(base.device),
        dtype=str(base.dtype).removeprefix("torch."),
        n_train=len(pairs),
        n_validation=len(splits.validation),
        n_test=len(splits.test),
        trainable_params=trainable,
        total_params=total,
    )
    last_step, train_s = 0, 0.0
    try:
        yield from checks(0)
        for step in take_steps(config, base, model, pairs):
            yield step
            last_step, train_s = step.step, train_s + step.step_s
            if should_stop():
                raise Stopped
            if last_step < config.optimizer.steps and last_step % config.evaluation.every == 0:
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
    )
    return Trained(model, base, config)


def take_steps(
    config: RunConfig, base: LoadedModel, model: nn.Module, pairs: list[Encoded]
) -> Iterator[Step]:
    """The training loop: one optimizer step for each item.

    Raises `UserError` when the loss is no longer a finite number.
    """
    wanted = config.optimizer
    optimizer = make_optimizer(model, config)
    supply = batches(pairs, wanted.batch_size, seed=config.seed)
    train_s = 0.0
    for step in range(1, wanted.steps + 1):
        tick = time.perf_counter()
        if not model.training:  # a check came between
            model.train()
        batch = build(next(supply)).to(base.device)
        rate = learning_rate(step, wanted)
        loss, grad_norm = take_step(
            model, optimizer, batch, rate=rate, clip_norm=wanted.clip_norm, dtype=base.dtype
        )
        step_s = time.perf_counter() - tick
        train_s += step_s
        yield Step(
            step=step,
            loss=loss,
            learning_rate=rate,
            grad_norm=grad_norm,
            examples_per_s=wanted.batch_size / step_s,
            tokens_per_s=batch.n_tokens / step_s,
            tokens_computed=len(batch.token_ids),
            tokens_padded=batch.n_tokens_padded,
            step_s=step_s,
            elapsed_s=train_s,
        )
        if not math.isfinite(loss) or not math.isfinite(grad_norm):
            raise UserError(
                f"The loss became {loss:g} at step {step}: training diverged. "
                "Lower the learning rate and run it again."
            )


class Checks:
    """What is measured while training: validation loss, scores on test examples, sample answers."""

    def __init__(
        self,
        config: RunConfig,
        base: LoadedModel,
        model: nn.Module,
        splits: Splits,
        should_stop: Callable[[], bool],
    ) -> None:
        self.config, self.base, self.model, self.should_stop = config, base, model, should_stop
        self.watched = [encode(e, base.tokenizer) for e in splits.validation[:VALIDATION_PAIRS]]
        self.tests = {
            task: splits.test if task == config.data.task else task_examples(task, "test")
            for task in config.evaluation_tasks()
        }
        self.best = math.inf
        self.n_without_better = 0

    @property
    def is_exhausted(self) -> bool:
        """The validation loss has not got better for `patience` checks."""
        patience = self.config.optimizer.patience
        return bool(patience) and self.n_without_better >= patience

    @property
    def why_exhausted(self) -> str:
        return f"Stopped early: no better validation loss in {self.n_without_better} checks."

    def __call__(self, step: int, *, last: bool = False) -> Iterator[Event]:
        """Some test examples while training, all of them at the last step.

        At step 0 the tuned model equals the base (LoRA's B is zero), so the base is asked: its
        answers are remembered for the next run.
        """
        model = (self.base.model if step == 0 else self.model).eval()
        if self.watched:
            loss = validation_loss(model, self.watched, self.base)
            self.n_without_better = 0 if loss < self.best else self.n_without_better + 1
            self.best = min(self.best, loss)
            yield Validation(step=step, loss=loss, n=len(self.watched))
        for task, examples in self.tests.items():
            wanted = len(examples) if last else self.config.evaluation.examples
            yield from self._task(model, task, spread(examples, wanted), step)

    def _task(
        self, model: nn.Module, task: str, examples: list[Example], step: int
    ) -> Iterator[Event]:
        found, answers = evaluate_task(
            model, self.base, task, examples, step=step, should_stop=self.should_stop
        )
        yield found
        shown = {e.prompt for e in spread(self.shown_from(task), self.config.evaluation.samples)}
        for example, answer in zip(examples, answers, strict=True):
            if example.prompt in shown:
                yield Sample(
                    step=step,
                    task=task,
                    prompt=example.prompt,
                    reference=example.completion,
                    output=answer,
                )

    def shown_from(self, task: str) -> list[Example]:
        """The examples every check answers: the samples shown are among them."""
        return spread(self.tests[task], self.config.evaluation.examples)


def spread(examples: list[Example], n: int) -> list[Example]:
    """`n` examples spread evenly over the list, always the same ones."""
    if n >= len(examples):
        return examples
    return [examples[i * len(examples) // n] for i in range(n)]
