"""What a score on a task with labels is made of: the right form, and the right label. Imports no torch.

An answer scores only when it is exactly the right label. So a score of 0 can mean two things: the model cannot
tell the labels apart, or it can and writes a sentence. Two lines part them (see `Evaluation`):

    right form                       the answer is one of the labels, right or wrong
    right by the likeliest label     the right label is the likeliest one, whatever was written

What tuning changed is said by these two, and only where their 95 % intervals part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

from core.evaluate.apart import are_apart
from core.evaluate.uncertainty import wilson_interval
from core.events import Evaluation, Event

RIGHT_FORM, LIKELIEST_LABEL = "right form", "right by the likeliest label"
LINES = {"right_form": RIGHT_FORM, "label_accuracy": LIKELIEST_LABEL}
"""Fields of an `Evaluation`, and what readers call them."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One of the two lines of one evaluation."""

    field: str
    value: float
    interval: tuple[float, float]

    @property
    def words(self) -> str:
        low, high = self.interval
        return f"{LINES[self.field]} {self.value:.2f} [{low:.2f}, {high:.2f}]"


class Scored(Protocol):
    """What says both lines of n examples: an `Evaluation`, or a measurement with the same fields."""

    @property
    def n(self) -> int: ...
    @property
    def right_form(self) -> float | None: ...
    @property
    def label_accuracy(self) -> float | None: ...


def lines(evaluation: Scored) -> list[Line]:
    """Those that were measured: none for free text, and in records from before they were."""
    found: list[Line] = []
    for field in LINES:
        value: float | None = getattr(evaluation, field)
        if value is not None:
            interval = wilson_interval(round(value * evaluation.n), evaluation.n)
            found.append(Line(field=field, value=value, interval=interval))
    return found


def line_words(evaluation: Scored) -> str:
    """Both lines with their intervals, to stand after a score; "" where there are none."""
    return ", ".join(line.words for line in lines(evaluation))


def mean_lines(seeds: Sequence[Sequence[Line]]) -> list[Line]:
    """The lines of several seeds, each averaged with its interval: seeds share their test examples, so
    more of them do not narrow it. [] where one of them has none.
    """
    by_field = [{one.field: one for one in found} for found in seeds]
    return [
        Line(
            field=field,
            value=fmean(found[field].value for found in by_field),
            interval=(
                fmean(found[field].interval[0] for found in by_field),
                fmean(found[field].interval[1] for found in by_field),
            ),
        )
        for field in LINES
        if by_field and all(field in found for found in by_field)
    ]


def what_was_taught(before: Sequence[Line], after: Sequence[Line]) -> str:
    """What a change of the score came from, in a sentence; "" where the lines were not measured."""
    starts, ends = ({one.field: one for one in found} for found in (before, after))
    if not LINES.keys() <= starts.keys() & ends.keys():
        return ""
    said = [
        f"{LINES[field]} {starts[field].value:.2f} → {ends[field].value:.2f}" for field in LINES
    ]
    moved = {
        field: ends[field].value - starts[field].value
        for field in LINES
        if are_apart(starts[field].interval, ends[field].interval)
    }
    return f"{said[0][0].upper()}{said[0][1:]}, {said[1]}: {_finding(moved)}."


def _finding(moved: dict[str, float]) -> str:
    form, label = moved.get("right_form"), moved.get("label_accuracy")
    overlap = "the 95 % intervals of the likeliest label overlap"
    if form is None and label is None:
        return "the 95 % intervals overlap in both, so neither is shown to have changed"
    if label is None:
        what = "taught the form" if form and form > 0 else "cost the form"
        return f"training {what}; {overlap}, so it is not shown that the labels are told apart better or worse"
    told = "better" if label > 0 else "worse"
    if form is None:
        return f"the labels are told apart {told}; the form is not shown to have changed"
    if form > 0 and label > 0:
        return "training taught the form, and to tell the labels apart better"
    what = "taught the form" if form > 0 else "cost the form"
    return f"training {what}, and the labels are told apart {told}"


def what_came_first(events: Sequence[Event], task: str) -> str:
    """Whether a run taught the form before the labels, from its checks; "" where that is not shown.

    A line has risen at the first check whose interval lies above that of the start.
    """
    found = sorted(
        (e for e in events if isinstance(e, Evaluation) and e.task == task), key=lambda e: e.step
    )
    risen: dict[str, int] = {}
    for field in LINES:
        path = [(e.step, line) for e in found for line in lines(e) if line.field == field]
        if not path or path[0][0] != 0:
            return ""
        start = path[0][1].interval
        up = [step for step, line in path if line.interval[0] > start[1]]
        if up:
            risen[field] = up[0]
    form, label = risen.get("right_form"), risen.get("label_accuracy")
    if form is None:
        return ""
    if label is None:
        return (
            f"Training first teaches the form: by step {form} the answers are labels. That the labels "
            "are told apart better is not shown by the end."
        )
    if form < label:
        return (
            f"Training first teaches the form (by step {form}), then to tell the labels apart better "
            f"(by step {label})."
        )
    return ""


def forms_of_two(parsed: Sequence[Sequence[bool]], names: Sequence[str]) -> str:
    """A warning beside two models' scores where one has the right form clearly more often; else "".

    `parsed` says of each model's answers whether they are labels; empty for free text.
    """
    if not all(parsed):
        return ""
    found = [
        Line(
            field="right_form",
            value=fmean(map(float, answers)),
            interval=wilson_interval(sum(answers), len(answers)),
        )
        for answers in parsed
    ]
    if not are_apart(found[0].interval, found[1].interval):
        return ""
    said = ", ".join(f"{name} {one.value:.2f}" for name, one in zip(names, found, strict=True))
    return (
        f"The right form: {said}. So the difference may be one of form alone; which labels each model "
        "finds likeliest says whether it tells them apart better."
    )
