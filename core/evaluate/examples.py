"""A model's answers one by one, judged by every measure: the rows of a table. Imports no torch."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core import catalog
from core.config import check_choice
from core.data.examples import CUSTOM_TEMPLATE, Example, make_example, task_examples
from core.data.test_sets import final_set
from core.errors import UserError
from core.evaluate.answers import contains, exact_match
from core.evaluate.bleu import sentence_bleu
from core.evaluate.classification import labels_among, parse_label
from core.evaluate.overlap import lcs_overlap, ngram_overlap, unicode_words
from core.evaluate.uncertainty import score_interval

MEASURES = {
    "exact_match": "exact match",
    "contains": "reference contained",
    "f1": "ROUGE-1 F1",
    "rouge_2": "ROUGE-2 F1",
    "rouge_l": "ROUGE-L F1",
    "bleu": "BLEU / 100",
}
"""What the score of a table can be, each from 0 to 1."""
RIGHT_FROM = 0.5
"""A score below counts as wrong where answers are free text and scores are no yes or no."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One example with the model's answer and every measure of it."""

    number: int
    """Its place in the test set, from 1."""
    prompt: str
    reference: str
    output: str
    label: str
    """The label the answer is, or "unparsed"; empty for tasks without labels."""
    exact_match: float
    contains: float
    precision: float
    """Of the words, as ROUGE-1; recall and f1 likewise."""
    recall: float
    f1: float
    rouge_2: float
    rouge_l: float
    bleu: float
    tags: str
    cut: bool
    """The length limit ended the answer, not the model."""
    trained_on: bool
    """By the run that answered; see `core.evaluate.own_pairs`."""


def judge(
    number: int,
    example: Example,
    output: str,
    labels: Sequence[str],
    *,
    cut: bool = False,
    trained_on: bool = False,
) -> Judged:
    reference = example.completion
    words = ngram_overlap(reference, output, words=unicode_words)
    return Judged(
        number=number,
        prompt=example.prompt,
        reference=reference,
        output=output,
        label=parse_label(output, labels) if labels else "",
        exact_match=float(exact_match(reference, output)),
        contains=float(contains(reference, output)),
        precision=words.precision,
        recall=words.recall,
        f1=words.f1,
        rouge_2=ngram_overlap(reference, output, n=2, words=unicode_words).f1,
        rouge_l=lcs_overlap(reference, output, words=unicode_words).f1,
        bleu=sentence_bleu(reference, output).score / 100,
        tags=", ".join(example.tags),
        cut=cut,
        trained_on=trained_on,
    )


def examples_of(
    task: str,
    records: Sequence[dict[str, Any]] = (),
    *,
    split: str = "test",
    template: str = "",
    whole: bool = False,
) -> list[Example]:
    """A task's test examples, or those of an uploaded file's records for the custom task.

    Those are the task's final set (core/data/test_sets), or with `whole` all of the file.
    """
    if task != catalog.CUSTOM_TASK:
        if split == "test" and not whole:
            return final_set(task, template=template)
        return task_examples(task, split, template=template)
    if not records:
        raise UserError("Upload a test file with prompt and completion first.")
    return [make_example(record, template or CUSTOM_TEMPLATE) for record in records]


def labels_of(task: str, examples: Sequence[Example]) -> tuple[str, ...]:
    """The allowed answers of a test set; () for free text."""
    if task in catalog.TASKS:
        return catalog.TASKS[task].labels
    return labels_among([e.completion for e in examples])


def usual_measure(task: str) -> str:
    """The task's own main score; exact match for a file."""
    return catalog.TASKS[task].metric if task in catalog.TASKS else "exact_match"


def scores(rows: Sequence[Judged], measure: str) -> list[float]:
    check_choice("The measure", measure, tuple(MEASURES))
    return [float(getattr(row, measure)) for row in rows]


def is_wrong(row: Judged, measure: str) -> bool:
    return getattr(row, measure) < RIGHT_FROM


@dataclass(frozen=True, kw_only=True)
class Mean:
    score: float
    interval: tuple[float, float]
    """95 %"""


def summary(rows: Sequence[Judged]) -> dict[str, Mean]:
    """Mean and 95 % interval of every measure."""
    found: dict[str, Mean] = {}
    for measure in MEASURES:
        values = scores(rows, measure)
        mean = sum(values) / len(values) if values else 0.0
        found[measure] = Mean(score=mean, interval=score_interval(values))
    return found


def to_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """The rows as CSV with a header. A cell that a spreadsheet would take for a formula is quoted."""
    out = io.StringIO()
    if rows:
        # All texts in quotes: the writer would leave a lone carriage return bare, which ends a row.
        writer = csv.DictWriter(
            out, list(rows[0]), lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC
        )
        writer.writeheader()
        writer.writerows({key: _inert(value) for key, value in row.items()} for row in rows)
    return out.getvalue()


def _inert(value: Any) -> Any:
    is_formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if is_formula else value
