"""Causes that the losses show: diverged, rate too high or low, did not learn, overfits, too few examples."""

from dataclasses import replace
from math import isfinite
from statistics import median

from core import catalog
from core.doctor.case import FIRST_STEPS, Case
from core.doctor.changes import at_rate, for_steps, lower_rate, number, with_optimizer
from core.doctor.diagnosis import Diagnosis, NextRun
from core.evaluate.apart import are_apart
from core.percent import percent

DIVERGED_TIMES = 1.5
HUMP_TIMES = 1.5
FAR_FROM_USUAL = 3.0
"""A rate so many times the method's usual one, or a fifth of it and less, is far from it."""
LEAST_PROGRESS = 0.15
SLOW_PROGRESS = 0.3
LEAST_TO_LEARN = 0.3
"""Nats per token: below it there is little left to learn."""
OVERFIT_SHARE, OVERFIT_NATS = 0.3, 0.1
FEW_PAIRS = 30


def diverged(case: Case) -> Diagnosis | None:
    """The loss became no number, or ended far above its start."""
    no_number = next((e.step for e in case.steps if not isfinite(e.loss)), 0)
    if no_number or "diverged" in case.failure:
        step = no_number or (case.steps[-1].step if case.steps else 0)
        return Diagnosis(
            cause="diverged",
            sentence=f"Training diverged: at step {step} the loss was no longer a finite number.",
            measure="step at which the loss was lost",
            figure=step,
            limit=case.config.optimizer.steps,
            strength=1.0,
            next=lower_rate(case),
        )
    start, end = case.base_loss, case.end_loss
    if not start or end is None or end <= DIVERGED_TIMES * start:
        return None
    return Diagnosis(
        cause="diverged",
        sentence=f"Training diverged: the loss rose from {start:.2f} to {end:.2f}, "
        f"{end / start:.1f} times its start.",
        measure="loss at the end over loss at the start",
        figure=end / start,
        limit=DIVERGED_TIMES,
        strength=0.98,
        next=lower_rate(case),
    )


def rate_too_high(case: Case) -> Diagnosis | None:
    """The loss first rose far above its start, at a rate far above the usual one."""
    start, rate = case.base_loss, case.config.optimizer.learning_rate
    if not start or start < LEAST_TO_LEARN or diverged(case):
        return None
    windows = zip(case.losses, case.losses[1:], case.losses[2:], strict=False)
    highest = max(median(window) for window in windows)
    is_far = rate >= FAR_FROM_USUAL * case.usual_rate
    limit = HUMP_TIMES if is_far else 2 * HUMP_TIMES
    if highest < limit * start:
        return None
    return Diagnosis(
        cause="rate too high",
        sentence=f"The learning rate is too high: on its way the loss rose to {highest:.2f}, "
        f"{highest / start:.1f} times its start. The rate is {number(rate)}; usual for the method is "
        f"{number(case.usual_rate)}.",
        measure="highest loss (median of three steps) over loss at the start",
        figure=highest / start,
        limit=limit,
        strength=0.88,
        next=lower_rate(case),
    )


def rate_too_low(case: Case) -> Diagnosis | None:
    """The loss hardly fell, and no step had a fifth of the usual rate."""
    if not case.steps or case.progress is None or case.progress >= SLOW_PROGRESS:
        return None
    highest = max(e.learning_rate for e in case.steps)
    if highest > case.usual_rate / 5 or diverged(case):
        return None
    return Diagnosis(
        cause="rate too low",
        sentence=f"The learning rate is too low: it is {number(highest)}, where {number(case.usual_rate)} is usual "
        f"for the method, and the loss fell by only {percent(max(0.0, case.progress))}.",
        measure="highest rate of a step over the method’s usual one",
        figure=highest / case.usual_rate,
        limit=0.2,
        strength=0.9,
        next=at_rate(case, case.usual_rate),
    )


def did_not_learn(case: Case) -> Diagnosis | None:
    """The loss hardly fell at a usual rate."""
    progress, start = case.progress, case.base_loss
    if progress is None or not start or start < LEAST_TO_LEARN or progress >= LEAST_PROGRESS:
        return None
    first, last = case.first(case.task), case.last(case.task)
    if first and last and last.score > first.score and are_apart(first.interval, last.interval):
        return None
    if diverged(case) or rate_too_high(case) or rate_too_low(case):
        return None
    steps = case.config.optimizer.steps
    return Diagnosis(
        cause="did not learn",
        sentence=f"It did not learn: after {len(case.steps)} steps the loss is "
        f"{percent(abs(progress))} {'below' if progress >= 0 else 'above'} its start.",
        measure="share by which the loss fell",
        figure=progress,
        limit=LEAST_PROGRESS,
        strength=0.7,
        next=for_steps(case, 4 * steps)
        if steps < 50
        else at_rate(case, 3 * case.config.optimizer.learning_rate),
    )


def overfits(case: Case) -> Diagnosis | None:
    """The validation loss rose again while the training pairs, seen over and over, were learned by heart."""
    checks, end = case.validations, case.end_loss
    if len(checks) < 3 or end is None or case.epochs <= 1.5 or len(case.config.data.tasks) > 1:
        return None
    best, last = min(checks, key=lambda e: e.loss), checks[-1]
    rise = last.loss - best.loss
    if rise < max(OVERFIT_NATS, OVERFIT_SHARE * best.loss) or end > last.loss / 2:
        return None
    rest = for_steps(case, best.step) if best.step else lower_rate(case)
    return Diagnosis(
        cause="overfits",
        sentence=f"It overfits: the validation loss was {best.loss:.2f} at step {best.step} and ended at "
        f"{last.loss:.2f}, while the training loss fell to {end:.2f}. Each pair was seen "
        f"{case.epochs:.0f} times.",
        measure="rise of the validation loss from its best, in nats per token",
        figure=rise,
        limit=max(OVERFIT_NATS, OVERFIT_SHARE * best.loss),
        strength=0.78,
        next=rest,
    )


def too_few_examples(case: Case) -> Diagnosis | None:
    """Few pairs, learned by heart, and no better on others."""
    n, start, end = case.started.n_train if case.started else 0, case.start_loss, case.end_loss
    if not 0 < n <= FEW_PAIRS or not start or end is None or case.epochs < 3:
        return None
    first, last = case.first(case.task), case.last(case.task)
    if not last or end > 0.3 * start:
        return None
    is_better = first and last.score > first.score and are_apart(first.interval, last.interval)
    checks = case.validations
    val_fell = len(checks) > 1 and checks[-1].loss < 0.5 * checks[0].loss
    if is_better or val_fell:
        return None
    return Diagnosis(
        cause="too few examples",
        sentence=f"There are too few examples: {n} were each seen {case.epochs:.0f} times and learned by "
        f"heart (loss {start:.2f} → {end:.2f}), and on the test the score is {last.score:.2f}, which is not "
        "shown to be better than before.",
        measure="training pairs",
        figure=n,
        limit=FEW_PAIRS,
        strength=0.85,
        next=_more_examples(case),
        advice="Add training pairs: some hundred, as different from each other as what will be asked.",
    )


def _more_examples(case: Case) -> NextRun:
    data = case.config.data
    if data.train_examples:
        return NextRun(
            change="Train on all examples",
            config=replace(case.config, data=replace(data, train_examples=0)),
        )
    if data.task == catalog.CUSTOM_TASK and data.validation_share > 0:
        without = with_optimizer(case.config, patience=0)  # nothing is left to watch
        return NextRun(
            change="Train on the validation pairs, too",
            config=replace(without, data=replace(data, validation_share=0.0)),
        )
    return for_steps(case, max(FIRST_STEPS, round(case.config.optimizer.steps / case.epochs)))
