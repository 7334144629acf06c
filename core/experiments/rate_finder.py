"""Which learning rate suits some data and a method: a short run at each of several rates, and a rule that picks one.

    configs = rate_configs(config)              # ordinary runs, from a small rate to a large one
    found = tried(configs, store)               # as far as they are
    suggestion(found).rate

Smith's range test raises the rate within one run and takes a rate from where the loss falls, before it rises again
(L. N. Smith 2017, "Cyclical Learning Rates for Training Neural Networks", WACV, section 3.3). Here each rate has a run
of its own: all start from the same weights and see the same batches, so no rate is judged by what another one did.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite
from statistics import fmean

from core.config import EvaluationConfig, RunConfig, default_learning_rate
from core.errors import UserError
from core.events import Step
from core.runs import artifacts
from core.runs.names import decimals
from core.runs.states import RunStatus
from core.runs.store import Run, RunStore

TIMES = (1 / 30, 1 / 10, 1 / 3, 1, 3, 10, 30)
"""The rates: so many times what is usual for the method."""
STEPS = 12
MOST_WARMUP = 3
LAST = 4
"""Steps at the end whose mean loss counts."""
ENOUGH = 0.9
"""Share of the largest fall of the loss that the suggested rate reaches."""
LEAST_FALL = 0.1
"""Of the loss at the start: where no rate lowers it by as much, none is suggested."""
NO_CHECKS = 10_000
FEWEST = 1
"""Test examples that a run may be asked: losses are compared, and no score is shown."""
TAG = "rate finder"
"""On every run made for this, so that they can be told from others."""
RULE = (
    f"Suggested is the smallest rate that reaches nine tenths of the largest fall of the loss within {STEPS} steps: a "
    "higher one gains little more, and is nearer to where the loss rises again."
)
SOURCE = (
    "After the range test of L. N. Smith (2017), “Cyclical Learning Rates for Training Neural Networks”, WACV, "
    "section 3.3; here each rate has a run of its own."
)


def rates(method: str) -> tuple[float, ...]:
    """From small to large around what is usual for a method, each with one digit.

    >>> rates("lora")
    (3e-05, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)
    """
    usual = default_learning_rate(method)
    found = [float(f"{times * usual:.0e}") for times in TIMES]
    return tuple(rate for rate in found if rate <= 1)


def rate_configs(config: RunConfig) -> list[RunConfig]:
    """A short run of `config` at each rate: the same data, method, batches and seed, and next to nothing is checked.

    `UserError` for a sequence of tasks, where each task begins anew.
    """
    if config.data.order == "sequential":
        raise UserError("A rate is looked for with one task or mixed tasks, not with a sequence.")
    return [_short(config, rate) for rate in rates(config.method.name)]


def _short(config: RunConfig, rate: float) -> RunConfig:
    optimizer = replace(
        config.optimizer,
        learning_rate=rate,
        steps=STEPS,
        warmup_steps=min(config.optimizer.warmup_steps, MOST_WARMUP),
        schedule="constant",
        patience=0,
    )
    unchecked = EvaluationConfig(every=NO_CHECKS, examples=FEWEST, final_examples=FEWEST, samples=0)
    return replace(config, optimizer=optimizer, evaluation=unchecked)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What a rate came to."""

    rate: float
    run_id: str
    start: float
    """Loss of the first step, in nats per token: before any weight has moved, so the same at every rate."""
    loss: float
    """Mean of the last `LAST` steps; infinite where training diverged."""
    low: float
    """The lowest of these steps; `high` is the highest."""
    high: float

    @property
    def has_diverged(self) -> bool:
        return not isfinite(self.loss)


def tried(configs: Sequence[RunConfig], store: RunStore) -> list[Tried]:
    """What is known by now, from the smallest rate to the largest; a run that diverged counts."""
    found: list[Tried] = []
    lost = {run.config_hash: run for run in reversed(store.runs()) if _has_diverged(run)}
    for config in configs:
        run = store.find_finished(config) or lost.get(config.hash)
        if one := _measured(run, store) if run else None:
            found.append(one)
    return sorted(found, key=lambda one: one.rate)


def left(configs: Sequence[RunConfig], known: Sequence[Tried]) -> list[RunConfig]:
    """Those whose rate is not known yet."""
    rates_known = {one.rate for one in known}
    return [c for c in configs if c.optimizer.learning_rate not in rates_known]


def _has_diverged(run: Run) -> bool:
    return run.status is RunStatus.FAILED and "diverged" in run.reason


def _measured(run: Run, store: RunStore) -> Tried | None:
    losses = [e.loss for e in store.events(run.id) if isinstance(e, Step)]
    if not losses:
        return None
    last = losses[-LAST:]
    is_lost = _has_diverged(run) or not all(map(isfinite, losses))
    return Tried(
        rate=run.config.optimizer.learning_rate,
        run_id=run.id,
        start=losses[0],
        loss=inf if is_lost else fmean(last),
        low=inf if is_lost else min(last),
        high=inf if is_lost else max(last),
    )


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    rate: float | None
    """None where nothing can be suggested."""
    said: str
    """Why this one, or why none."""


def suggestion(found: Sequence[Tried]) -> Suggestion:
    """The rate that `RULE` picks of all that were tried; of one seed."""
    sound = [one for one in found if not one.has_diverged and isfinite(one.start)]
    if not sound:
        return Suggestion(rate=None, said="Training diverged at every rate, so none is suggested.")
    best = min(sound, key=lambda one: one.loss)
    fall = best.start - best.loss
    if fall < LEAST_FALL * best.start:
        return Suggestion(
            rate=None,
            said=f"No rate lowers the loss by a tenth within {STEPS} steps, so none is suggested. Look at the data and "
            "the method first.",
        )
    limit = best.start - ENOUGH * fall
    one = next(one for one in sound if one.loss <= limit)
    said = f"With {decimals(one.rate)}, {STEPS} steps bring the loss from {one.start:.2f} to {one.loss:.2f}"
    if one is not best:
        said += f"; the lowest, {best.loss:.2f}, comes with {decimals(best.rate)}"
    return Suggestion(rate=one.rate, said=f"{said}. {_above(found, best, limit)}")


def _above(found: Sequence[Tried], best: Tried, limit: float) -> str:
    """What happens at rates beyond the best one."""
    higher = [one for one in found if one.rate > best.rate]
    if not higher:
        return "It still falls at the highest rate tried, so a higher one may be faster."
    rising = next((one for one in higher if one.loss > limit), None)
    if rising is None:
        return "No rate that was tried is too high."
    if rising.has_diverged:
        return f"At {decimals(rising.rate)} training diverges."
    return f"At {decimals(rising.rate)} the loss is higher again: {rising.loss:.2f}."


def tidy(found: Sequence[Tried], store: RunStore) -> None:
    """Tag finished runs, and drop their weights: what a rate did in a dozen steps is on record without them."""
    marks = store.marks.all()
    for one in found:
        if one.run_id not in marks or TAG not in marks[one.run_id].tags:
            store.marks.add_tag([one.run_id], TAG)
            artifacts.remove(store.artifact_dir(one.run_id))
