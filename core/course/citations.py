"""What a text cites: `<source>.<metric>`, such as `textbook.names.after`, looked up in what was measured or counted.

Of recorded runs a metric of core/course/figures.py. Of a prompt or a tuned model: `score`, `tokens`, `ms` a request, `training`
seconds. Of what was said: `text`. Of a pair of texts: `f1.<n>`, `precision.<n>`, `recall.<n>` over n-grams. Of a count:
`percent`, `number`, `mb` (4 bytes each). Of weights: `mb`.
"""

from collections.abc import Callable, Mapping
from statistics import fmean

from core.catalog import DEFAULT_MODEL, MODELS
from core.config import check_choice
from core.course.figures import Figure, check_metric, of_runs
from core.course.sources import (
    WAYS,
    Count,
    Pair,
    Prompt,
    Runs,
    Said,
    Source,
    Tuned,
    Weights,
)
from core.errors import UserError, quote
from core.evaluate.compare_texts import compare_texts
from core.evaluate.words import Cutting
from core.experiments import prompting_record
from core.experiments.adapters import WEIGHT_BYTES, adapter_config
from core.experiments.first_screens import first_screens
from core.experiments.prompting import PROMPTED, TUNED, Way, ways
from core.formulas.parameters import count, trainable_parameters, trained_share
from core.shape import PUBLISHED

NOT_RECORDED = "not recorded yet"
FLOAT_BYTES = 4


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
