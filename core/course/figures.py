"""Figures of runs: metrics of recorded runs that differ in their seed alone, or of the reader's own.

    <task>.before | after | best | change          its score, 0 to 1
    <task>.right_form | label_accuracy | precision | recall | f1 . before | after | best | change
    loss.first | last                              of training, in nats per token
    validation.before | after                      loss on pairs that were not trained on
    likelihood.before | after                      what that loss says of the right token: e to the minus loss
    wrongly_sentiment.before | after               other prompts that were answered with a sentiment
    answer.<n>.before | after                      to the n-th watched prompt: a text
    trained.percent | count                        parameters
    memory.mb                                      weights, gradients, optimizer, activations

Without its last word, the first six are curves over steps. What a lesson cites besides runs: core/course/citations.py.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from core.course.measured_run import MeasuredRun
from core.course.sources import Runs
from core.errors import UserError, quote
from core.evaluate.apart import runs_words
from core.events import Evaluation, Event, Memory, Sample, Started, Step, Validation

CURVES = ("loss", "validation", "likelihood", "wrongly_sentiment")
FIELDS = ("right_form", "label_accuracy", "precision", "recall", "f1")
WHEN = ("before", "after", "best", "change")
Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A measured or counted number, of each seed, or a text."""

    values: tuple[float, ...] = ()
    interval: Interval | None = None
    """95 %, over test examples; the mean of the seeds'. None where the number is exact or was measured once."""
    text: str | None = None
    unit: str = ""
    """"" for a score, or what stands behind the number."""

    @property
    def value(self) -> float:
        """The mean over seeds."""
        return fmean(self.values)

    @property
    def words(self) -> str:
        """As it stands in a sentence: "0.06", or "0.06 (0.00 to 0.12 over 3 runs)"."""
        if self.text is not None:
            return f"“{self.text}”" if self.text.strip() else "nothing"
        shown = number_words(self.value, self.unit)
        low, high = (number_words(end, self.unit) for end in (min(self.values), max(self.values)))
        if len(self.values) == 1 or low == high:
            return shown
        return f"{shown} ({low} to {high} over {runs_words(len(self.values))})"


def number_words(value: float, unit: str = "") -> str:
    """Two digits behind the point for scores and losses, whole numbers for large amounts.

    >>> number_words(0.0625), number_words(2.35, "nats"), number_words(0.3426, "%"), number_words(269.03, "MB")
    ('0.06', '2.35 nats', '0.34\\xa0%', '269 MB')
    """
    if unit == "%":
        return f"{value:.2g}\u00a0%" if value < 10 else f"{value:.0f}\u00a0%"
    if unit in ("MB", "tokens", "parameters", "ms", "s"):
        return f"{value:,.0f} {unit}" if value >= 10 else f"{value:.2g} {unit}"
    return f"{value:.2f} {unit}".strip()


def check_metric(metric: str, runs: Runs) -> None:
    """`UserError` unless the settings exist and their runs measure this."""
    scored = scored_by(runs)
    n_prompts = min(len(config.evaluation.prompts) for config in runs.configs)
    match metric.split("."):
        case [task, when] if task in scored and when in WHEN:
            return
        case [task, field, when] if task in scored and field in FIELDS and when in WHEN:
            return
        case ["loss", "first" | "last"] | ["trained", "percent" | "count"] | ["memory", "mb"]:
            return
        case ["validation" | "likelihood" | "wrongly_sentiment", "before" | "after"]:
            return
        case ["answer", n, "before" | "after"] if n.isdecimal() and 0 < int(n) <= n_prompts:
            return
        case _:
            raise _not_measured(metric, runs)


def check_curve(metric: str, runs: Runs) -> None:
    """The same for a curve over steps."""
    task, _, field = metric.partition(".")
    if metric in CURVES or (task in scored_by(runs) and (not field or field in FIELDS)):
        return
    raise _not_measured(metric, runs)


def _not_measured(metric: str, runs: Runs) -> UserError:
    known = ", ".join(scored_by(runs))
    return UserError(
        f"{quote(metric)} is not measured by the runs of {runs.runs}; they score: {known}."
    )


def scored_by(runs: Runs) -> list[str]:
    """The tasks that all runs score."""
    found = [{*c.evaluation.tasks, c.data.task, *c.data.others} for c in runs.configs]
    return sorted(set.intersection(*found))


def of_runs(metric: str, runs: Sequence[MeasuredRun]) -> Figure | None:
    """A metric over runs that differ in their seed alone; None where no run measured it."""
    found = [one for run in runs if (one := _of_run(metric, run))]
    if not found:
        return None
    texts = [one.text for one in found if one.text is not None]
    intervals = [one.interval for one in found if one.interval]
    return Figure(
        values=tuple(value for one in found for value in one.values),
        interval=(fmean(i[0] for i in intervals), fmean(i[1] for i in intervals))
        if len(intervals) == len(found)
        else None,
        text=texts[0] if texts else None,
        unit=found[0].unit,
    )


def _of_run(metric: str, run: MeasuredRun) -> Figure | None:
    what, _, when = metric.rpartition(".")
    if what.startswith("answer."):
        prompt = run.config.evaluation.prompts[int(what.removeprefix("answer.")) - 1]
        said = [
            e.output
            for e in run.events
            if isinstance(e, Sample) and not e.task and e.prompt == prompt
        ]
        return Figure(text=said[0 if when == "before" else -1]) if said else None
    if what == "trained":
        return _trained(when, run)
    if metric == "memory.mb":
        memory = [e for e in run.events if isinstance(e, Memory)]
        return Figure(values=(memory_bytes(memory[0]) / 1e6,), unit="MB") if memory else None
    points = curve(what, run.events)
    if len(points) < 2:
        return None
    first, *_, last = points.values()
    best = max(points.values(), key=lambda point: point.values)
    if when == "change":
        return Figure(values=(last.value - first.value,), interval=_gap(first, last))
    return {"before": first, "first": first, "after": last, "last": last, "best": best}[when]


def _trained(when: str, run: MeasuredRun) -> Figure | None:
    n, of = run.summary.trainable_params, run.summary.total_params
    for e in run.events:
        if isinstance(e, Started):
            n, of = e.trainable_params, e.total_params
    if not of:
        return None
    if when == "percent":
        return Figure(values=(100 * n / of,), unit="%")
    return Figure(values=(float(n),), unit="parameters")


def memory_bytes(memory: Memory) -> int:
    """Frozen and trained weights, and what training keeps besides."""
    return (
        memory.frozen_bytes
        + memory.trained_bytes
        + memory.gradient_bytes
        + memory.optimizer_bytes
        + memory.activation_bytes
    )


def _gap(first: Figure, last: Figure) -> Interval | None:
    """What a change may be at least and at most, when both scores may be anywhere in their intervals."""
    if not first.interval or not last.interval:
        return None
    return last.interval[0] - first.interval[1], last.interval[1] - first.interval[0]


def curve(metric: str, events: Sequence[Event]) -> dict[int, Figure]:
    """A score or a loss at each check, or each step, of one run."""
    if metric == "loss":
        return {
            e.step: Figure(values=(e.loss,), unit="nats") for e in events if isinstance(e, Step)
        }
    if metric in ("validation", "likelihood"):
        losses = {
            e.step: e.loss for e in events if isinstance(e, Validation) and math.isfinite(e.loss)
        }
        if metric == "validation":
            return {step: Figure(values=(loss,), unit="nats") for step, loss in losses.items()}
        return {step: Figure(values=(math.exp(-loss),)) for step, loss in losses.items()}
    found = [e for e in events if isinstance(e, Evaluation)]
    if metric == "wrongly_sentiment":
        return _wrongly_sentiment(found)
    task, _, field = metric.partition(".")
    mine = [e for e in found if e.task == task]
    if not field:
        return {e.step: Figure(values=(e.score,), interval=e.interval) for e in mine}
    return {
        e.step: Figure(values=(getattr(e, field),), interval=e.intervals.get(field))
        for e in mine
        if getattr(e, field) is not None and math.isfinite(getattr(e, field))
    }


def _wrongly_sentiment(found: Sequence[Evaluation]) -> dict[int, Figure]:
    shares: dict[int, list[tuple[float, int]]] = {}
    for e in found:
        if e.answered_with_sentiment is not None:
            shares.setdefault(e.step, []).append((e.answered_with_sentiment, e.n))
    return {
        step: Figure(values=(sum(share * n for share, n in some) / sum(n for _, n in some),))
        for step, some in shares.items()
    }
