"""Figures that a lesson cites: `<source>.<metric>`, such as `textbook.names.after`.

A metric of recorded runs, or of the reader's own:

    <task>.before | after | best | change          its score, 0 to 1
    <task>.right_form | label_accuracy | precision | recall | f1 . before | after | best | change
    loss.first | last                              of training, in nats per token
    validation.before | after                      loss on pairs that were not trained on
    likelihood.before | after                      what that loss says of the right token: e to the minus loss
    wrongly_sentiment.before | after               other prompts that were answered with a sentiment
    answer.<n>.before | after                      to the n-th watched prompt: a text
    trained.percent | count                        parameters
    memory.mb                                      weights, gradients, optimizer, activations

Without its last word, the first six are curves over steps. Of a prompt or a tuned model: `score`, `tokens`, `ms` a request,
`training` seconds. Of what was said: `text`. Of a pair of texts: `f1.<n>`,
`precision.<n>`, `recall.<n>` over n-grams. Of a count: `percent`, `number`, `mb` (4 bytes each). Of weights: `mb`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from core.catalog import DEFAULT_MODEL, MODELS
from core.config import check_choice
from core.course.sources import (
    WAYS,
    Count,
    MeasuredRun,
    Pair,
    Prompt,
    Runs,
    Said,
    Source,
    Tuned,
    Weights,
)
from core.errors import UserError, quote
from core.evaluate.apart import runs_words
from core.evaluate.compare_texts import compare_texts
from core.evaluate.words import Cutting
from core.events import Evaluation, Event, Memory, Sample, Started, Step, Validation
from core.experiments import prompting_record
from core.experiments.adapters import WEIGHT_BYTES, adapter_config
from core.experiments.first_screens import first_screens
from core.experiments.prompting import PROMPTED, TUNED, Way, ways
from core.formulas.parameters import count, trainable_parameters, trained_share
from core.shape import PUBLISHED

CURVES = ("loss", "validation", "likelihood", "wrongly_sentiment")
NOT_RECORDED = "not recorded yet"
FIELDS = ("right_form", "label_accuracy", "precision", "recall", "f1")
WHEN = ("before", "after", "best", "change")
FLOAT_BYTES = 4
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


def figure(reference: str, sources: Mapping[str, Source]) -> Figure | None:
    """The figure of a reference; None where it is not recorded yet.

    Raises `UserError` for a reference that means nothing.
    """
    name, _, metric = reference.partition(".")
    if name not in sources:
        known = ", ".join(sources) or "none"
        raise UserError(
            f"{quote(reference)} cites {quote(name)}; the lesson's figures are: {known}."
        )
    match sources[name]:
        case Runs() as runs:
            check_metric(metric, runs)
            return of_runs(metric, runs.measured())
        case Prompt() as prompt:
            return _of_prompt(metric, prompt)
        case Tuned() as tuned:
            return _of_tuned(metric, tuned)
        case Said() as said:
            return _of_said(metric, said)
        case Pair() as pair:
            return _of_pair(metric, pair)
        case Count() as counted:
            return _of_count(metric, counted)
        case Weights() as weights:
            return _of_weights(metric, weights)


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


def _of_prompt(metric: str, source: Prompt) -> Figure | None:
    wanted = source.prompt
    form = wanted.form if wanted.shots else ""
    return _of_way(
        metric, lambda way: (way.kind, way.labels, way.form) == (PROMPTED, wanted.shots, form)
    )


def _of_tuned(metric: str, source: Tuned) -> Figure | None:
    wanted = source.tuned
    check_choice("The method", wanted.method, TUNED)
    found = prompting_record.recorded()
    known = [row.labels for row in found.rows if row.kind == wanted.method] if found else []
    examples = wanted.examples or max(known, default=0)
    return _of_way(metric, lambda way: (way.kind, way.labels) == (wanted.method, examples))


def _of_way(metric: str, fits: Callable[[Way], bool]) -> Figure | None:
    """A way of the record of prompting against tuning."""
    if metric not in ("score", "tokens", "ms", "training"):
        raise UserError(
            f"A prompt or a tuned model has score, tokens, ms and training, not {quote(metric)}."
        )
    found = prompting_record.recorded()
    for way in ways(found.rows) if found else ():
        if not fits(way):
            continue
        match metric:
            case "score":
                return Figure(values=tuple(row.score for row in way.rows), interval=way.interval)
            case "tokens":
                return Figure(values=(way.prompt_tokens,), unit="tokens")
            case "ms":
                return Figure(values=(1000 * way.latency_s(),), unit="ms")
            case _:
                return Figure(values=(fmean(row.once_s for row in way.rows),), unit="s")
    return None


def _of_said(metric: str, source: Said) -> Figure | None:
    if metric != "text" or source.said not in ("raw", "chat", "tuned"):
        raise UserError("What was said is raw, chat or tuned, and has a text.")
    found = first_screens()
    return Figure(text=getattr(found, source.said)) if found else None


def _of_pair(metric: str, source: Pair) -> Figure:
    what, _, n = metric.partition(".")
    if what not in ("precision", "recall", "f1") or n not in ("1", "2", "3", "4"):
        raise UserError(
            f"A pair of texts has precision, recall and f1 for 1 to 4 words, such as f1.1, not {quote(metric)}."
        )
    reference, output = source.texts
    found = compare_texts(reference, output, n=int(n), how=Cutting()).overlap
    return Figure(values=(float(getattr(found, what)),))


def _of_count(metric: str, source: Count) -> Figure:
    if source.shape not in PUBLISHED:
        raise UserError(f"No model with the shape {quote(source.shape)} is known.")
    shape = PUBLISHED[source.shape]
    if metric == "percent":
        return Figure(values=(100 * trained_share(source.method, shape),), unit="%")
    n = count(source.method, shape).n
    if metric == "number":
        return Figure(values=(float(n),), unit="parameters")
    if metric == "mb":
        return Figure(values=(FLOAT_BYTES * n / 1e6,), unit="MB")
    raise UserError(f"A count has percent, number and mb, not {quote(metric)}.")


def _of_weights(metric: str, source: Weights) -> Figure:
    wanted = source.weights
    if metric != "mb" or wanted.way not in WAYS:
        raise UserError("Weights have mb, and the way is copies or adapters.")
    base = MODELS[DEFAULT_MODEL].parameters * WEIGHT_BYTES
    shape = PUBLISHED[MODELS[DEFAULT_MODEL].shape]
    adapter = FLOAT_BYTES * trainable_parameters(adapter_config("sentiment").method, shape)
    n_bytes = wanted.tasks * base if wanted.way == "copies" else base + wanted.tasks * adapter
    return Figure(values=(n_bytes / 1e6,), unit="MB")
