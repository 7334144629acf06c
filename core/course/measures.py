"""What a judge of challenges looks at: the measures of a run that is over.

A measure is `<what>.<moment>`:

    <task>.before | after                     its score, 0 to 1, with its 95 % interval
    <task>.<field>.before | after             right_form, label_accuracy, precision, recall or f1
    validation.before | after                 the loss on held-out pairs, in nats per token
    loss.before | after                       the training loss: mean of the first and the last three steps
    trained.percent                           trained weights, in percent of all
    weights.mb                                the file of what was trained
    steps.after                               optimizer steps
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from core.catalog import TASKS
from core.course.measured_run import MeasuredRun
from core.errors import UserError, quote
from core.events import Evaluation, Step, Validation

BEFORE, AFTER = "before", "after"
LOSSES = {"validation": "the loss on held-out pairs", "loss": "the training loss"}
FIELDS = {
    "right_form": "answers of the right form",
    "label_accuracy": "likeliest label",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
}
WHOLE = {
    "trained.percent": "the share of weights that is trained",
    "weights.mb": "the file of what was trained",
    "steps.after": "the number of steps",
}
UNITS = {"trained.percent": " %", "weights.mb": " MB"}
STEPS_OF_A_MEAN = 3


@dataclass(frozen=True, kw_only=True)
class Measured:
    value: float
    low: float
    high: float
    """The 95 % interval; the value itself where it is exact or a loss."""
    n: int = 0
    """Test examples; 0 where there are none."""

    @classmethod
    def exactly(cls, value: float) -> "Measured":
        return cls(value=value, low=value, high=value)


def check_measure(measure: str) -> None:
    """`UserError` for a name that means nothing."""
    match measure.split("."):
        case [what, "before" | "after"] if what in TASKS or what in LOSSES:
            return
        case [task, field, "before" | "after"] if task in TASKS and field in FIELDS:
            return
        case _ if measure in WHOLE:
            return
        case _:
            raise UserError(f"{quote(measure)} is nothing that a run measures.")


def words_of(measure: str) -> str:
    """As a sentence names it: "Names at the end", "the share of weights that is trained"."""
    if measure in WHOLE:
        return WHOLE[measure]
    what, moment = measure.rsplit(".", 1)
    when = "at the start" if moment == BEFORE else "at the end"
    return f"{what_words(what)} {when}"


def what_words(what: str) -> str:
    """The same without the moment."""
    task, _, field = what.partition(".")
    if what in LOSSES:
        return LOSSES[what]
    return f"{TASKS[task].title} ({FIELDS[field]})" if field else TASKS[task].title


def measured(measure: str, run: MeasuredRun) -> Measured | None:
    """What a run measured; None where it did not."""
    if measure == "trained.percent":
        total = run.summary.total_params
        return Measured.exactly(100 * run.summary.trainable_params / total) if total else None
    if measure == "weights.mb":
        n_bytes = run.summary.artifact_bytes
        return Measured.exactly(n_bytes / 1e6) if n_bytes else None
    if measure == "steps.after":
        return Measured.exactly(run.summary.steps)
    what, _, moment = measure.rpartition(".")
    if what == "loss":
        return _mean_loss([e.loss for e in run.events if isinstance(e, Step)], moment)
    if what == "validation":
        looks = [e for e in run.events if isinstance(e, Validation)]
        losses = [look.loss for look in looks if math.isfinite(look.loss)]
        return Measured.exactly(losses[0 if moment == BEFORE else -1]) if len(losses) > 1 else None
    task, _, field = what.partition(".")
    found = [e for e in run.events if isinstance(e, Evaluation) and e.task == task]
    checks = [e for e in found if (e.step == 0) == (moment == BEFORE)]
    return _score(checks[0 if moment == BEFORE else -1], field) if checks else None


def _score(check: Evaluation, field: str) -> Measured | None:
    if not field:
        low, high = check.interval
        return Measured(value=check.score, low=low, high=high, n=check.n)
    value = getattr(check, field)
    if value is None or not math.isfinite(value) or field not in check.intervals:
        return None
    low, high = check.intervals[field]
    return Measured(value=value, low=low, high=high, n=check.n)


def _mean_loss(losses: Sequence[float], moment: str) -> Measured | None:
    n = STEPS_OF_A_MEAN
    some = [one for one in (losses[:n] if moment == BEFORE else losses[-n:]) if math.isfinite(one)]
    return Measured.exactly(fmean(some)) if len(losses) > n and some else None
