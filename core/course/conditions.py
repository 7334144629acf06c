"""The conditions of a challenge, as its file spells them.

{ setting = "method.name", one_of = ["full"] }
{ measure = "general.after", at_least = 0.8 }        # the whole 95 % interval, unless sure = false
{ measure = "sentiment", goes = "up" }               # the intervals before and after do not touch
{ untrained = "formality" }                          # the run never looked at this task
{ smallest = "method.rank", sizes = [1, 2, 4, 8] }   # one size smaller does not do it
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from core.checks import check_choice
from core.config import SETTINGS, RunConfig
from core.course.measures import check_measure
from core.errors import UserError
from core.typed_json import read

WAYS = ("up", "down", "not up", "not down")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A measure is large or small enough."""

    measure: str
    """As core/course/measures.py names it: `names.after`, `trained.percent`, …"""
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


CONDITIONS: dict[str, type[Condition]] = {
    "setting": Setting,
    "untrained": Untrained,
    "smallest": Smallest,
    "goes": Trend,
    "measure": Limit,
}
"""By the key that only this kind of condition has; `measure` comes last, as a trend has one, too."""


def condition(table: Mapping[str, Any]) -> Condition:
    for key, kind in CONDITIONS.items():
        if key in table:
            return strict(kind, table)
    raise UserError(f"A condition has one of: {', '.join(CONDITIONS)}; got {', '.join(table)}.")


def strict(kind: type[T], table: Mapping[str, Any]) -> T:
    """A table as a dataclass; a key that it does not know is a slip of the pen."""
    known = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    if unknown := table.keys() - known:
        raise UserError(f"{', '.join(sorted(unknown))} is not known here.")
    return read(kind, table)
