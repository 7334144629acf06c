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
    conditions = [
      { setting = "method.name", one_of = ["full"] },
      { measure = "general.after", at_least = 0.8 },        # the whole 95 % interval, unless sure = false
      { measure = "sentiment", goes = "up" },               # the intervals before and after do not touch
      { untrained = "formality" },                          # the run never looked at this task
      { smallest = "method.rank", sizes = [1, 2, 4, 8] },   # one size smaller does not do it
    ]
    solution = "--task sentiment --method full --lr 2e-5 …"

A challenge on two texts has `pair`, one on prompts has `prompt`, instead of `conditions`. core/course/judge.py decides.
"""

import argparse
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from core.checks import check_choice
from core.config import SETTINGS, RunConfig
from core.config.command import add_options, config_of
from core.course.judge_evidence import check_measure
from core.course.lessons import LESSONS
from core.errors import UserError, quote
from core.paths import ASSETS
from core.typed_json import read

FOLDER = ASSETS / "course"
FILE = "challenges.toml"
LEVELS = {1: "easy", 2: "medium", 3: "hard"}
TRIES_BEFORE_HINT = 2
WAYS = ("up", "down", "not up", "not down")
NOTHING, FEWER, TUNED = "no examples", "fewer examples", "a tuned model"
"""What a prompt is compared with."""
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A measure is large or small enough."""

    measure: str
    """As core/course/judge_evidence.py names it: `names.after`, `trained.percent`, …"""
    at_least: float | None = None
    at_most: float | None = None
    sure: bool = True
    """The whole 95 % interval is; else what was measured is enough."""

    def __post_init__(self) -> None:
        check_measure(self.measure)
        if (self.at_least is None) == (self.at_most is None):
            raise UserError(f"{self.measure} needs either at_least or at_most.")


@dataclass(frozen=True, kw_only=True)
class Trend:
    """A score or loss changed from the beginning to the end, or did not."""

    measure: str
    """Without the moment: `names`, `validation`."""
    goes: str
    """One of `WAYS`. It changed when the 95 % intervals of before and after do not touch; a loss, which has none,
    when it changed by more than a tenth."""

    def __post_init__(self) -> None:
        check_measure(f"{self.measure}.after")
        check_choice("A trend", self.goes, WAYS)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A setting of the run is one of some, or in a range."""

    setting: str
    """Its path, such as `method.rank`."""
    one_of: tuple[Any, ...] = ()
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        check_choice("The setting", self.setting, SETTINGS)
        if not self.one_of and self.at_least is None and self.at_most is None:
            raise UserError(f"{self.setting} needs one_of, at_least or at_most.")


@dataclass(frozen=True, kw_only=True)
class Untrained:
    """The run saw no pair and no prompt of this task while it trained."""

    untrained: str


@dataclass(frozen=True, kw_only=True)
class Smallest:
    """The same run with the next smaller size does not do it."""

    smallest: str
    """The path of a setting that is part of another, such as `method.rank`."""
    sizes: tuple[int, ...]
    """From small to large."""

    def __post_init__(self) -> None:
        check_choice("The setting", self.smallest, SETTINGS)

    def size(self, config: RunConfig) -> Any:
        """Of a run's config."""
        part, _, name = self.smallest.rpartition(".")
        return getattr(getattr(config, part), name)

    def smaller(self, config: RunConfig) -> RunConfig | None:
        """The same settings with the next smaller size; None for the smallest."""
        below = max((size for size in self.sizes if size < self.size(config)), default=None)
        if below is None:
            return None
        part, _, name = self.smallest.rpartition(".")
        return replace(config, **{part: replace(getattr(config, part), **{name: below})})


Condition = Limit | Trend | Setting | Untrained | Smallest


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
CONDITIONS: dict[str, type[Condition]] = {
    "setting": Setting,
    "untrained": Untrained,
    "smallest": Smallest,
    "goes": Trend,
    "measure": Limit,
}
"""By the key that only this kind of condition has; `measure` comes last, as a trend has one, too."""


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


def config_from(options: str) -> RunConfig:
    """The config that options of `train` spell. Raises `UserError` where they spell none."""
    return config_of(_parser().parse_args(shlex.split(options)))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(message)


@cache
def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="train", add_help=False)
    add_options(parser)
    return parser


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
        return _strict(named[0], given)
    conditions = tuple(_condition(one) for one in table["conditions"])
    del given["conditions"]
    head = _strict(_Head, given)
    return RunChallenge(**vars(head), conditions=conditions)


@dataclass(frozen=True, kw_only=True)
class _Head(Challenge):
    """A challenge on runs without its conditions, whose kinds a type alone does not tell."""

    solution: str
    defaults: str


def _condition(table: Mapping[str, Any]) -> Condition:
    for key, kind in CONDITIONS.items():
        if key in table:
            return _strict(kind, table)
    raise UserError(f"A condition has one of: {', '.join(CONDITIONS)}; got {', '.join(table)}.")


def _strict(kind: type[T], table: Mapping[str, Any]) -> T:
    """A table as a dataclass; a key that it does not know is a slip of the pen."""
    known = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    if unknown := table.keys() - known:
        raise UserError(f"{', '.join(sorted(unknown))} is not known here.")
    return read(kind, table)
