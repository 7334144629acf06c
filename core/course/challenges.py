"""Challenges: what a reader is to bring about, and the conditions by which the judge tells that it happened.

They stand in assets/course/<lesson>/challenges.toml, from easy to hard:

    defaults = "--task sentiment --method full …"          # the run as the lesson opens it: it must fail

    [[challenges]]
    id = "gentle"
    title = "Full fine-tuning that forgets nothing"
    level = 1                                               # 1 easy, 2 medium, 3 hard
    task = "…"                                              # what to bring about, in a sentence or two
    hint = "…"                                              # shown after two tries
    why = "…"                                               # shown once it is solved
    conditions = [{ measure = "general.after", at_least = 0.8 }]      # as core/course/conditions.py spells them
    solution = "--task sentiment --method full --lr 2e-5 …"

A challenge on two texts has `pair`, one on prompts has `prompt`, instead of `conditions`. core/course/judge.py decides.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from core.checks import check_choice
from core.config import SETTINGS
from core.course.conditions import Condition, Limit, Trend, condition, strict
from core.course.lessons import LESSONS
from core.errors import UserError, quote
from core.paths import ASSETS

FOLDER = ASSETS / "course"
FILE = "challenges.toml"
LEVELS = {1: "easy", 2: "medium", 3: "hard"}
TRIES_BEFORE_HINT = 2
NOTHING, FEWER, TUNED = "no examples", "fewer examples", "a tuned model"
"""What a prompt is compared with."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two texts on which word overlap misleads."""

    is_right: bool
    """Whether the reader has to find a right answer or a wrong one."""
    n: int = 1
    """Words in a row that are compared."""
    above: float | None = None
    below: float | None = None


@dataclass(frozen=True, kw_only=True)
class PairAnswer:
    reference: str
    output: str


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A prompt with solved examples that scores higher or lower than something else, for sure."""

    better_than: str = ""
    worse_than: str = ""

    def __post_init__(self) -> None:
        if bool(self.better_than) == bool(self.worse_than):
            raise UserError("A prompt is to be either better or worse than something.")
        check_choice("What a prompt is compared with", self.other, (NOTHING, FEWER, TUNED))

    @property
    def other(self) -> str:
        return self.better_than or self.worse_than


@dataclass(frozen=True, kw_only=True)
class PromptAnswer:
    """The base model with some solved examples, and a run where one is to be beaten."""

    shots: int
    form: str = "chat"
    seed: int = 0
    run: str = ""
    """In a solution the options of the run; in an answer its id."""


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """What all have."""

    id: str
    lesson: str
    title: str
    level: int
    task: str
    hint: str
    why: str

    @property
    def difficulty(self) -> str:
        return LEVELS[self.level]

    @property
    def texts(self) -> tuple[str, ...]:
        """All that a reader sees."""
        return self.title, self.task, self.hint, self.why


@dataclass(frozen=True, kw_only=True)
class RunChallenge(Challenge):
    conditions: tuple[Condition, ...]
    solution: str
    """Options of `python -m core train`, as in `defaults`."""
    defaults: str

    @property
    def tasks(self) -> list[str]:
        """The tasks that its conditions measure."""
        found = [c.measure.split(".")[0] for c in self.conditions if isinstance(c, Limit | Trend)]
        return [task for task in dict.fromkeys(found) if task in SCORED]


@dataclass(frozen=True, kw_only=True)
class PairChallenge(Challenge):
    pair: Pair
    solution: PairAnswer
    defaults: PairAnswer


@dataclass(frozen=True, kw_only=True)
class PromptChallenge(Challenge):
    prompt: Prompt
    solution: PromptAnswer
    defaults: PromptAnswer


AnyChallenge = RunChallenge | PairChallenge | PromptChallenge
SCORED = frozenset(SETTINGS["evaluation.tasks"].choices)


def challenges(lesson: str = "", *, folder: Path = FOLDER) -> tuple[AnyChallenge, ...]:
    """Those of a lesson, or of all in their order. Raises `UserError` that says where a file is wrong."""
    found: list[AnyChallenge] = []
    for page in LESSONS:
        if lesson in ("", page.id):
            found += _of_lesson(page.id, folder)
    ids = [one.id for one in found]
    if twice := {id for id in ids if ids.count(id) > 1}:
        raise UserError(f"Several challenges are called {', '.join(sorted(twice))}.")
    return tuple(found)


def challenge(id: str, *, folder: Path = FOLDER) -> AnyChallenge:
    """Raises `UserError` where there is none of this name."""
    for one in challenges(folder=folder):
        if one.id == id:
            return one
    raise UserError(
        f"There is no challenge {quote(id)}; list them with: python -m core course challenges"
    )


@cache
def _of_lesson(lesson: str, folder: Path) -> tuple[AnyChallenge, ...]:
    path = folder / lesson / FILE
    place = f"{lesson}/{FILE}"
    if not path.is_file():
        return ()
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{place} cannot be read: {error}.") from error
    defaults = table.get("defaults", "")
    found: list[AnyChallenge] = []
    for one in table.get("challenges", ()):
        try:
            found.append(_read(one, lesson, defaults))
        except (ValueError, TypeError) as error:
            raise UserError(
                f"{place}, {one.get('id', 'a challenge without an id')}: {error}"
            ) from error
    return tuple(found)


def _read(table: Mapping[str, Any], lesson: str, defaults: str) -> AnyChallenge:
    given = {"defaults": defaults, **table, "lesson": lesson}
    if given.get("level") not in LEVELS:
        raise UserError(f"The level is one of {', '.join(map(str, LEVELS))}.")
    kinds = {"conditions": RunChallenge, "pair": PairChallenge, "prompt": PromptChallenge}
    named = [kind for key, kind in kinds.items() if key in given]
    if len(named) != 1:
        raise UserError(f"A challenge has one of: {', '.join(kinds)}.")
    if named[0] is not RunChallenge:
        return strict(named[0], given)
    conditions = tuple(condition(one) for one in table["conditions"])
    del given["conditions"]
    head = strict(_Head, given)
    return RunChallenge(**vars(head), conditions=conditions)


@dataclass(frozen=True, kw_only=True)
class _Head(Challenge):
    """A challenge on runs without its conditions, whose kinds a type alone does not tell."""

    solution: str
    defaults: str
