"""Scores of answers that should be one of a few labels; other answers count as "unparsed"."""

from collections import Counter
from collections.abc import Sequence
from math import isnan, nan
from typing import Any

import numpy as np

from core.evaluate.answers import normalise
from core.evaluate.uncertainty import wilson_interval
from core.evaluate.undefined import share
from core.events import ClassificationReport, ClassScores

UNPARSED = "unparsed"
MOST_LABELS = 12
RESAMPLES = 2_000
MEASURES = ("precision", "recall", "f1")


def parse_label(output: str, labels: Sequence[str]) -> str:
    """The label an answer is, or `UNPARSED`."""
    return [*labels, UNPARSED][_column(output, labels)]


def _column(output: str, labels: Sequence[str]) -> int:
    """Where the label an answer is stands among `labels`; their number for none of them."""
    answer = normalise(output)
    return next((k for k, label in enumerate(labels) if normalise(label) == answer), len(labels))


def classification_report(
    references: Sequence[str], outputs: Sequence[str], labels: Sequence[str]
) -> ClassificationReport:
    """Accuracy, per-class and macro precision, recall, F1.

    The precision of a label that no answer is, is 0/0 and so NaN, as is the recall of one that is never right;
    F1 = 2 TP / (2 TP + FP + FN) is NaN for a label that is neither. In a macro average these count as 0, as
    in scikit-learn's by default; where no label has a figure, the average is NaN, too.
    """
    table = [[0] * (len(labels) + 1) for _ in labels]
    for reference, output in zip(references, outputs, strict=True):
        # By place, not by name: a data set may have a label that reads "unparsed".
        table[labels.index(reference)][_column(output, labels)] += 1
    per_class: dict[str, ClassScores] = {}
    for k, label in enumerate(labels):
        hits = table[k][k]
        n_said, n_there = sum(row[k] for row in table), sum(table[k])
        per_class[label] = ClassScores(
            precision=share(hits, n_said),
            recall=share(hits, n_there),
            f1=share(2 * hits, n_said + n_there),
            support=n_there,
        )
    scores = list(per_class.values())
    return ClassificationReport(
        labels=tuple(labels),
        accuracy=share(sum(table[k][k] for k in range(len(labels))), len(outputs)),
        per_class=per_class,
        macro_precision=_macro([s.precision for s in scores]),
        macro_recall=_macro([s.recall for s in scores]),
        macro_f1=_macro([s.f1 for s in scores]),
        confusion=table,
    )


def labels_among(references: Sequence[str]) -> tuple[str, ...]:
    """The labels of a dataset that names none: its right answers, if they are few and short.

    At most MOST_LABELS of at most three words, each there twice or more; else ().
    """
    counts = Counter(references)
    labels = tuple(sorted(counts))
    few = 2 <= len(labels) <= MOST_LABELS and min(counts.values()) >= 2
    short = all(len(label.split()) <= 3 for label in labels)
    distinct = len({normalise(label) for label in labels} - {""}) == len(labels)
    return labels if few and short and distinct else ()


def macro_intervals(
    confusion: Sequence[Sequence[int]], *, seed: int = 0, confidence: float = 0.95
) -> dict[str, tuple[float, float]]:
    """95 % intervals of macro precision, recall and F1: the examples drawn again and again.

    Each example stands in one cell of the confusion matrix, so drawing examples is drawing cells. Where
    all are right or all wrong every draw is the same, so there Wilson's interval of the share stands.
    """
    table = np.asarray(confusion, dtype=float)
    n = int(table.sum())
    n_right = int(np.trace(table[:, : len(table)]))
    if n_right in (0, n):
        return dict.fromkeys(MEASURES, wilson_interval(n_right, n, confidence=confidence))
    drawn = np.random.default_rng(seed).multinomial(n, (table / n).ravel(), size=RESAMPLES)
    tables = drawn.reshape(RESAMPLES, *table.shape)  # (R, labels, labels + 1)
    k = table.shape[0]
    hits = np.diagonal(tables, axis1=1, axis2=2)[:, :k]
    precision = _divided(hits, tables.sum(axis=1)[:, :k])
    recall = _divided(hits, tables.sum(axis=2))
    f1 = _divided(2 * precision * recall, precision + recall)
    tail = (1 - confidence) / 2
    found: dict[str, tuple[float, float]] = {}
    for name, values in zip(MEASURES, (precision, recall, f1), strict=True):
        low, high = np.quantile(values.mean(axis=1), [tail, 1 - tail])
        found[name] = (float(low), float(high))
    return found


def _divided(part: Any, whole: Any) -> Any:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole != 0)


def _macro(values: Sequence[float]) -> float:
    known = [value for value in values if not isnan(value)]
    return sum(known) / len(values) if known else nan
