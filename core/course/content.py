"""What a lesson consists of, read from its folder: text.md, course.toml.

    lesson("forgetting").text["notion"]
    lesson("forgetting").predictions

A translation is another folder with the same files: `lesson("forgetting", folder=…)`. Everything is checked here, at
the edge; core/course/check.py looks at what can only be told beside the recordings.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar

from core.course import text as texts
from core.course.lessons import LESSONS
from core.course.predictions import Chosen, Drawn, Prediction
from core.course.questions import Question
from core.course.sources import Source, kind_of
from core.errors import UserError, quote
from core.paths import ASSETS
from core.typed_json import read

FOLDER = ASSETS / "course"
TEXT, DATA = "text.md", "course.toml"
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A question for the class."""

    ask: str
    expected: str
    """What a good answer says."""


@dataclass(frozen=True, kw_only=True)
class Teaching:
    """For the teacher's notes."""

    aim: str
    minutes: int
    goes_wrong: tuple[str, ...]
    """What pupils stumble over, and what helps."""
    asks: tuple[Ask, ...]


@dataclass(frozen=True, kw_only=True)
class Lesson:
    id: str
    goals: tuple[str, ...]
    """Each goes on from "You can …"."""
    teaching: Teaching
    text: dict[str, str]
    """Markdown by the name of its section."""
    chosen: tuple[Chosen, ...]
    drawn: tuple[Drawn, ...]
    questions: tuple[Question, ...]
    """Asked while something is computed."""
    terms: tuple[str, ...]
    """Of the glossary."""
    sources: dict[str, str] = field(default_factory=dict[str, str])
    """Addresses of papers."""
    figures: dict[str, Source]
    claims: tuple[str, ...] = ()
    """What the texts rely on, such as "textbook.names.after < textbook.names.before"."""

    @cached_property
    def predictions(self) -> tuple[Prediction, ...]:
        return (*self.chosen, *self.drawn)

    def prediction(self, id: str) -> Prediction:
        """Raises `UserError` where there is none of this name."""
        for one in self.predictions:
            if one.id == id:
                return one
        raise UserError(f"The lesson {self.id} has no prediction {quote(id)}.")

    def shown(self, text: str) -> str:
        """A text of this lesson with its figures and addresses, as a page needs it."""
        return texts.linked(texts.filled(text, self.figures), self.sources)

    def printed(self, text: str) -> str:
        """The same for paper."""
        return texts.without_links(texts.filled(text, self.figures))

    @property
    def prose(self) -> dict[str, str]:
        """All its texts, by where they stand."""
        found = {f"section {name}": body for name, body in self.text.items()}
        found |= {f"goal {n}": goal for n, goal in enumerate(self.goals, start=1)}
        for prediction in self.predictions:
            found[f"prediction {prediction.id}"] = "\n".join(prediction.texts)
        for question in self.questions:
            found[f"question {question.id}"] = "\n".join(question.texts)
        teaching = self.teaching
        asks = [part for one in teaching.asks for part in (one.ask, one.expected)]
        found["teaching"] = "\n".join([teaching.aim, *teaching.goes_wrong, *asks])
        return found


def lessons(*, folder: Path = FOLDER) -> list[Lesson]:
    """All in their order. Raises `UserError` for the first that cannot be read."""
    return [lesson(page.id, folder=folder) for page in LESSONS]


@cache
def lesson(id: str, *, folder: Path = FOLDER) -> Lesson:
    """Read and checked. Raises `UserError` with a sentence that says where it is wrong."""
    if id not in {page.id for page in LESSONS}:
        raise UserError(f"There is no lesson {quote(id)}.")
    place = f"{id}/{DATA}"
    table = _toml(folder / id / DATA, place)
    written = texts.sections(_text(folder / id / TEXT, f"{id}/{TEXT}"), where=f"{id}/{TEXT}")
    try:
        sources = {
            name: _read(kind_of(one), one, f"the figure {name}")
            for name, one in table.get("figures", {}).items()
        }
        for one in (*table.get("chosen", ()), *table.get("drawn", ()), *table.get("questions", ())):
            _known(one, place)
        rest = {k: v for k, v in table.items() if k != "figures"}
        return Lesson(
            id=id,
            text=written,
            figures=sources,
            goals=read(tuple[str, ...], rest.pop("goals", ())),
            terms=read(tuple[str, ...], rest.pop("terms", ())),
            claims=read(tuple[str, ...], rest.pop("claims", ())),
            sources=read(dict[str, str], rest.pop("sources", {})),
            teaching=_read(Teaching, rest.pop("teaching", {}), "teaching"),
            chosen=tuple(_read(Chosen, c, "a chosen prediction") for c in rest.pop("chosen", ())),
            drawn=tuple(_read(Drawn, d, "a drawn prediction") for d in rest.pop("drawn", ())),
            questions=tuple(_read(Question, q, "a question") for q in rest.pop("questions", ())),
            **_none_left(rest),
        )
    except (ValueError, TypeError) as error:
        raise UserError(f"{place}: {error}") from error


def _none_left(rest: Mapping[str, Any]) -> dict[str, Any]:
    if rest:
        raise ValueError(f"{', '.join(rest)} is not known here")
    return {}


def _known(table: Mapping[str, Any], place: str) -> None:
    if not isinstance(table.get("id"), str) or not table["id"].isidentifier():
        raise ValueError(
            f"each prediction and question needs an id, one word; got {table.get('id')!r}"
        )
    del place


def _read(kind: type[T], table: Mapping[str, Any], what: str) -> T:
    """A table as a dataclass; a key that it does not know is a slip of the pen."""
    known = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    if unknown := table.keys() - known:
        raise ValueError(f"{what} has {', '.join(sorted(unknown))}, which is not known here")
    try:
        return read(kind, table)
    except ValueError as error:
        raise ValueError(f"{what} {table.get('id', '')}: {error}".replace(" :", ":")) from error


def _toml(path: Path, place: str) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path, place))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{place} is not TOML: {error}.") from error


def _text(path: Path, place: str) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise UserError(f"{place} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{place} is not UTF-8.") from error
