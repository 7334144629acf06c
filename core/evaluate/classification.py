"""Scores of answers that should be one of a few labels; other answers count as "unparsed"."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.evaluate.answers import normalise

UNPARSED = "unparsed"


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    precision: float
    recall: float
    f1: float
    support: int
    """How many references have this label."""


@dataclass(frozen=True, kw_only=True)
class ClassificationReport:
    labels: tuple[str, ...]
    accuracy: float
    per_class: dict[str, ClassScores]
    macro_precision: float
    macro_recall: float
    macro_f1: float
    confusion: list[list[int]]
    """Rows: true label. Columns: the labels in order, then unparsed."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def parse_label(output: str, labels: Sequence[str]) -> str:
    """The label an answer is, or `UNPARSED`."""
    answer = normalise(output)
    return next((label for label in labels if normalise(label) == answer), UNPARSED)


def classification_report(
    references: Sequence[str], outputs: Sequence[str], labels: Sequence[str]
) -> ClassificationReport:
    """Accuracy, per-class and macro precision, recall, F1. Dividing by zero gives 0."""
    given = [parse_label(output, labels) for output in outputs]
    columns = [*labels, UNPARSED]
    table = [[0] * len(columns) for _ in labels]
    for reference, answer in zip(references, given, strict=True):
        table[labels.index(reference)][columns.index(answer)] += 1
    per_class: dict[str, ClassScores] = {}
    for k, label in enumerate(labels):
        hits = table[k][k]
        precision = _share(hits, sum(row[k] for row in table))
        recall = _share(hits, sum(table[k]))
        per_class[label] = ClassScores(
            precision=precision,
            recall=recall,
            f1=_share(2 * precision * recall, precision + recall),
            support=sum(table[k]),
        )
    scores = list(per_class.values())
    return ClassificationReport(
        labels=tuple(labels),
        accuracy=_share(sum(table[k][k] for k in range(len(labels))), len(given)),
        per_class=per_class,
        macro_precision=_share(sum(s.precision for s in scores), len(scores)),
        macro_recall=_share(sum(s.recall for s in scores), len(scores)),
        macro_f1=_share(sum(s.f1 for s in scores), len(scores)),
        confusion=table,
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
