"""One label against the rest: when does the model's probability of it count as a yes?

A low threshold finds every example of the label (recall) and many others with it (precision falls); a
high one is sure and misses some. The curve shows every such trade at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any

from core.config import check_number
from core.evaluate.undefined import share


@dataclass(frozen=True, kw_only=True)
class LabelRow:
    """How probable a model finds each label as the whole answer to one example."""

    number: int
    """Its place in the test set, from 1."""
    reference: str
    probabilities: dict[str, float]
    """They sum to 1."""
    mass: float
    """How much of all probability the labels have together; the rest is on other answers."""


@dataclass(frozen=True, kw_only=True)
class AtThreshold:
    """Examples counted as the label when its probability is at least `threshold`."""

    threshold: float
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def precision(self) -> float:
        """NaN at a threshold that nothing reaches; likewise recall and F1 of a label that is not there."""
        return share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        return share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        wrong = self.false_positives + self.false_negatives
        return share(2 * self.true_positives, 2 * self.true_positives + wrong)

    def to_dict(self) -> dict[str, Any]:
        rates = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        return {**vars(self), **rates}


def shares(logs: Mapping[str, float]) -> dict[str, float]:
    """Probability of each label when the answer must be one of them, from log-probabilities."""
    top = max(logs.values())
    weights = {label: exp(log - top) for label, log in logs.items()}
    total = sum(weights.values())
    return {label: weight / total for label, weight in weights.items()}


def likeliest_accuracy(rows: Sequence[LabelRow]) -> float:
    """How often the likeliest label is the right one, whatever the model would write."""
    right = 0
    for row in rows:
        right += max(row.probabilities, key=row.probabilities.__getitem__) == row.reference
    return right / len(rows) if rows else 0.0


def at_threshold(
    probabilities: Sequence[float], is_label: Sequence[bool], threshold: float
) -> AtThreshold:
    """The four counts at one threshold from 0 to 1."""
    check_number("The threshold", threshold, 0, 1)
    said = [p >= threshold for p in probabilities]
    both = list(zip(said, is_label, strict=True))
    return AtThreshold(
        threshold=threshold,
        true_positives=both.count((True, True)),
        false_positives=both.count((True, False)),
        false_negatives=both.count((False, True)),
        true_negatives=both.count((False, False)),
    )


def precision_recall_curve(
    probabilities: Sequence[float], is_label: Sequence[bool]
) -> list[AtThreshold]:
    """A point at every probability there is, the highest first: recall only rises."""
    ranked = sorted(zip(probabilities, is_label, strict=True), reverse=True)
    n_label = sum(is_label)
    curve: list[AtThreshold] = []
    found = 0
    for n_said, (probability, yes) in enumerate(ranked, start=1):
        found += yes
        if n_said < len(ranked) and ranked[n_said][0] == probability:
            continue  # all of one probability are said together
        point = AtThreshold(
            threshold=probability,
            true_positives=found,
            false_positives=n_said - found,
            false_negatives=n_label - found,
            true_negatives=len(ranked) - n_said - (n_label - found),
        )
        curve.append(point)
    return curve


def average_precision(curve: Sequence[AtThreshold]) -> float:
    """The precision at each point, weighted by how much recall it adds; 1 for a perfect order."""
    found, recall = 0.0, 0.0
    for point in curve:
        found += (point.recall - recall) * point.precision
        recall = point.recall
    return found
