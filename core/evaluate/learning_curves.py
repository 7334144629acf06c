"""Precision, recall and F1 at every check of a run, from its record. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isnan
from statistics import fmean

from core.evaluate.apart import Interval, are_apart
from core.evaluate.classification import MEASURES, macro_intervals
from core.events import Evaluation, Event, Step, Validation
from core.percent import percent


@dataclass(frozen=True, kw_only=True)
class CheckValue:
    step: int
    measure: str
    value: float
    """NaN where it is 0/0."""
    interval: tuple[float, float] | None
    """95 %; None of 0/0, and in records of runs that did not measure it."""
    n: int


def is_macro(evaluation: Evaluation) -> bool:
    """A task with labels: its measures are means over the labels, not over words."""
    return evaluation.classification is not None


def values_over_time(events: Sequence[Event], task: str) -> list[CheckValue]:
    """Precision, recall and F1 of a task at each check, with their intervals.

    With labels they are macro averages: each label's figure, then their mean. Else they are of the words
    shared with the reference, mean over examples.
    """
    rows: list[CheckValue] = []
    for e in events:
        if not isinstance(e, Evaluation) or e.task != task:
            continue
        report = e.classification
        known = macro_intervals(report.confusion) if report else e.intervals
        for measure in MEASURES:
            value = getattr(report, f"macro_{measure}") if report else getattr(e, measure)
            interval = None if isnan(value) else known.get(measure)
            row = CheckValue(step=e.step, measure=measure, value=value, interval=interval, n=e.n)
            rows.append(row)
    return rows


@dataclass(frozen=True, kw_only=True)
class Movement:
    """What happened between two neighbouring checks."""

    first_step: int
    last_step: int
    f1_before: float
    f1_after: float
    intervals: tuple[Interval | None, Interval | None]
    """Of F1 before and after."""
    loss_before: float
    loss_after: float
    whole_fall: float
    """Of the loss, over the whole run."""

    @property
    def f1_change(self) -> float:
        return self.f1_after - self.f1_before

    @property
    def is_clear(self) -> bool:
        """Whether F1 moved beyond its intervals."""
        before, after = self.intervals
        return before is not None and after is not None and are_apart(before, after)

    @property
    def loss_share(self) -> float:
        """How much of the whole fall of the loss happened here; 0 where it never fell."""
        fall = self.loss_before - self.loss_after
        return fall / self.whole_fall if self.whole_fall > 0 else 0.0


def movements(events: Sequence[Event], task: str) -> list[Movement]:
    """F1 and loss from check to check.

    The loss is that on the validation pairs, where the run has some; else the mean training loss of the
    steps before the check (of the first step, at check 0).
    """
    found = [v for v in values_over_time(events, task) if v.measure == "f1"]
    f1, intervals = {v.step: v.value for v in found}, {v.step: v.interval for v in found}
    checks = sorted(f1)
    losses = losses_at(events, checks)
    known = [step for step in checks if step in losses]
    if len(known) < 2:
        return []
    whole = losses[known[0]] - min(losses[step] for step in known)
    return [
        Movement(
            first_step=a,
            last_step=b,
            f1_before=f1[a],
            f1_after=f1[b],
            intervals=(intervals[a], intervals[b]),
            loss_before=losses[a],
            loss_after=losses[b],
            whole_fall=whole,
        )
        for a, b in pairwise(known)
    ]


def losses_at(events: Sequence[Event], checks: Sequence[int]) -> dict[int, float]:
    """The loss at each check."""
    watched = {e.step: e.loss for e in events if isinstance(e, Validation)}
    if watched:
        return {step: loss for step, loss in watched.items() if not isnan(loss)}
    steps = {e.step: e.loss for e in events if isinstance(e, Step) and not isnan(e.loss)}
    found: dict[int, float] = {}
    before = 0
    for check in checks:
        mine = [loss for step, loss in steps.items() if before < step <= max(check, 1)]
        if mine:
            found[check] = fmean(mine)
        before = check
    return found


def in_one_line(found: Sequence[Movement]) -> str:
    """When the metric moved, and what the loss did meanwhile; "" before the second check."""
    if not found:
        return ""
    clear = [m for m in found if m.is_clear]
    if not clear:
        return "F1 did not move beyond its 95 % intervals between any two checks."
    most = max(clear, key=lambda m: abs(m.f1_change))
    verb = "rose" if most.f1_change > 0 else "fell"
    line = (
        f"From step {most.first_step} to {most.last_step}, F1 {verb} from {most.f1_before:.2f} to "
        f"{most.f1_after:.2f} while the loss went from {most.loss_before:.2f} to "
        f"{most.loss_after:.2f}"
    )
    if most.whole_fall > 0:
        line += f" ({percent(max(most.loss_share, 0))} of its whole fall)"
    still = [m for m in found if m.loss_share > 0.1 and abs(m.f1_change) < 0.02]
    if still:
        other = max(still, key=lambda m: m.loss_share)
        line += (
            f". From step {other.first_step} to {other.last_step} it was the other way round: the "
            f"loss fell on, by {percent(other.loss_share)} of its whole fall, and F1 stayed at "
            f"{other.f1_after:.2f}"
        )
    return line + "."
