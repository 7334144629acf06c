"""Questions before the first lesson and after the last one, so that one can measure what was learned.

Each item is a misconception that fine-tuning breeds, asked in two equivalent forms, A and B. One half of the learners
has form A before and B after, the other half the other way round (`form_for`): so a difference between before and after
is no difference between the forms.

    form = form_for("Mia", BEFORE)
    result = score(form, {"memory_full": 0, …})
    result.right, as_csv([result])

The items stand in assets/course/before_after.toml. Explanations are shown after the second form: shown before, they would
be measured, and not the course.
"""

import csv
import hashlib
import io
import random
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from core.checks import check_choice
from core.course.progress import Entry, Progress
from core.course.questions import Answer, Question
from core.errors import UserError
from core.evaluate.uncertainty import wilson_interval
from core.paths import ASSETS
from core.typed_json import Json, read

FOLDER = ASSETS / "course"
FILE = "before_after.toml"
BEFORE, AFTER = "before", "after"
MOMENTS = (BEFORE, AFTER)
FORMS = ("A", "B")
NOT_ANSWERED = -1
COLUMNS = (
    "learner",
    "moment",
    "form",
    "at",
    "item",
    "misconception",
    "question",
    "answer",
    "is_right",
    "holds_misconception",
)


@dataclass(frozen=True, kw_only=True)
class Item:
    """A misconception and its question in a form."""

    id: str
    misconception: str
    question: Question
    """Its answers in the order in which they are shown."""
    held: int
    """The answer of one who has the misconception."""

    @property
    def right(self) -> int:
        return self.question.answers.index(self.question.right)


@dataclass(frozen=True, kw_only=True)
class Result:
    """A form that was filled in."""

    learner: str
    moment: str
    form: str
    chosen: dict[str, int]
    """Of each item the number of the chosen answer, from 0; `NOT_ANSWERED` where none was."""
    at: str = ""
    """UTC; set when it is kept."""

    @property
    def n_right(self) -> int:
        return sum(item.right == self.chosen.get(item.id) for item in items(self.form))

    @property
    def n_held(self) -> int:
        """How many misconceptions were chosen."""
        return sum(item.held == self.chosen.get(item.id) for item in items(self.form))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share that is right, as if the items were drawn from many such."""
        return wilson_interval(self.n_right, len(items(self.form)))

    def entry(self) -> Entry:
        """As progress keeps it."""
        detail: dict[str, Json] = {"form": self.form, "chosen": dict(self.chosen)}
        return Entry(learner=self.learner, kind="test", item=self.moment, detail=detail, at=self.at)


def items(form: str, *, folder: Path = FOLDER) -> tuple[Item, ...]:
    """All items in a form. Raises `UserError` for another form, and where the file is wrong."""
    check_choice("The form", form, FORMS)
    return _items(form, folder)


def form_for(learner: str, moment: str) -> str:
    """A or B: the same at every visit, and after the course the other one than before it."""
    check_choice("The moment", moment, MOMENTS)
    first = hashlib.sha256(learner.casefold().encode()).digest()[0] % 2
    return FORMS[first if moment == BEFORE else 1 - first]


def score(learner: str, moment: str, chosen: Mapping[str, int]) -> Result:
    """A form as it was filled in. Raises `UserError` for an answer that the form does not have."""
    form = form_for(learner, moment)
    known = {item.id: len(item.question.answers) for item in items(form)}
    for id, number in chosen.items():
        check_choice("The item", id, known)
        if not NOT_ANSWERED <= number < known[id]:
            raise UserError(f"The item {id} has no answer {number + 1}.")
    every = {id: chosen.get(id, NOT_ANSWERED) for id in known}
    return Result(learner=learner, moment=moment, form=form, chosen=every)


def results(found: Progress) -> dict[str, Result]:
    """The newest of each moment that a learner has finished, in the order before, after."""
    tests = found.tests
    kept = {moment: _result(tests[moment]) for moment in MOMENTS if moment in tests}
    return {moment: result for moment, result in kept.items() if result}


def as_csv(of: Iterable[Result]) -> str:
    """One line an item and moment, for a spreadsheet."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(COLUMNS)
    for result in of:
        for item in items(result.form):
            number = result.chosen.get(item.id, NOT_ANSWERED)
            answers = item.question.answers
            said = answers[number].text if 0 <= number < len(answers) else ""
            right, held = int(number == item.right), int(number == item.held)
            head = [result.learner, result.moment, result.form, result.at, item.id]
            row = [*head, item.misconception, item.question.ask, said, right, held]
            table.writerow([_no_formula(cell) for cell in row])
    return text.getvalue()


def _no_formula(cell: Any) -> Any:
    """A text that a spreadsheet would compute, such as a name "=1+1", stays a text."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t\r" and cell else cell


def _result(entry: Entry) -> Result | None:
    """None for what another version of the questions kept."""
    form, chosen = entry.detail.get("form"), entry.detail.get("chosen")
    if form not in FORMS or not isinstance(chosen, dict):
        return None
    numbers = {id: n for id, n in chosen.items() if isinstance(n, int)}
    return Result(
        learner=entry.learner, moment=entry.item, form=str(form), chosen=numbers, at=entry.at
    )


@cache
def _items(form: str, folder: Path) -> tuple[Item, ...]:
    try:
        table = tomllib.loads((folder / FILE).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{FILE} cannot be read: {error}.") from error
    found: list[Item] = []
    for one in table.get("items", ()):
        try:
            found.append(_item(one, form))
        except (KeyError, ValueError, TypeError) as error:
            raise UserError(f"{FILE}, {one.get('id', 'an item without an id')}: {error}") from error
    return tuple(found)


def _item(table: Mapping[str, Any], form: str) -> Item:
    asked = table[form.lower()]
    pairs = {name: read(tuple[str, str], asked[name]) for name in ("right", "held", "other")}
    order = list(pairs)
    random.Random(f"{table['id']} {form}").shuffle(order)  # the right answer has no usual place
    answers = tuple(
        Answer(text=pairs[name][0], explained=pairs[name][1], right=name == "right")
        for name in order
    )
    question = Question(id=f"{table['id']}_{form.lower()}", ask=asked["ask"], answers=answers)
    return Item(
        id=table["id"],
        misconception=table["misconception"],
        question=question,
        held=order.index("held"),
    )
