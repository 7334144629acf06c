"""One schema: a setting is declared once, where its value lives, and everything else follows.

A field of RunConfig or of one of its parts is written as

    rank: int = setting(8, "--rank", "LoRA's r: the inner width of B·A.", low=1, high=256)

with its default, its option on the command line, one line of documentation, and what it may be. From
that come the checks of `check_settings`, the options and the help of `python -m core train`, the
command that repeats a run (`core.config.command`) and the tooltips of the pages.
"""

import dataclasses
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, get_args, get_origin

from core.checks import check_choice, check_number, check_text, check_type


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is known of one setting; `setting` declares it, `settings_of` gives it its place."""

    option: str
    """Two settings of one part with the same option are given together: `--regularizer kl:1`. With
    a slash, each choice is an option of its own: `--mixed/--sequential`."""
    help: str
    title: str
    """What it, or one of its values, is called in a sentence: `The task 'poetry' is not known`."""
    low: float
    high: float
    above: bool
    """`low` itself is refused."""
    choices: Collection[str]
    """`METHODS` and the like may grow after the setting is declared."""
    usual: str
    """What a command that does not name it takes, where that is not simply the default."""
    example: str
    repeats: bool
    """A list whose option is given once for each text, which may hold commas."""
    path: str = ""
    """Where its value lives: `optimizer.learning_rate`."""
    default: Any = None
    kind: type = str
    """int, float or str; of a list, that of its items."""
    is_list: bool = False

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    def checked(self, value: Any) -> Any:
        """The value, 16 as 16.0 where it may be a fraction; `UserError` unless it may be this."""
        label = f"{self.name} ({self.option})"
        if not self.is_list:
            return self._checked(label, value)
        check_type(label, value, tuple, "a list")
        return tuple(self._checked(f"A {self.title}", item) for item in value)

    def _checked(self, label: str, value: Any) -> Any:
        if self.choices:
            check_choice(f"The {self.title}", value, self.choices)
        elif self.kind is str:
            check_text(label, value)
        else:
            whole = self.kind is int
            check_number(label, value, self.low, self.high, whole=whole, above=self.above)
        return float(value) if self.kind is float else value


def setting(
    default: Any,
    option: str,
    help: str,
    *,
    title: str = "",
    low: float = -math.inf,
    high: float = math.inf,
    above: bool = False,
    choices: Collection[str] = (),
    usual: str = "",
    example: str = "",
    repeats: bool = False,
) -> Any:
    """A field of a config that carries its `Setting`."""
    declared = Setting(
        option=option,
        help=help,
        title=title,
        low=low,
        high=high,
        above=above,
        choices=choices,
        usual=usual,
        example=example,
        repeats=repeats,
    )
    return dataclasses.field(default=default, metadata={"setting": declared})


@cache
def settings_of(config: type, prefix: str = "") -> Mapping[str, Setting]:
    """Every setting of a config and its parts, by its path, in the order of declaration.

    >>> settings_of(RunConfig)["method.rank"].option
    '--rank'
    """
    found: dict[str, Setting] = {}
    for field in fields(config):
        if is_dataclass(field.type):
            found |= settings_of(field.type, f"{prefix}{field.name}.")  # pyright: ignore[reportArgumentType]
            continue
        if "setting" not in field.metadata:
            raise TypeError(f"{config.__name__}.{field.name} is a field without a setting(…).")
        declared: Setting = field.metadata["setting"]
        is_list = get_origin(field.type) is tuple
        found[prefix + field.name] = dataclasses.replace(
            declared,
            path=prefix + field.name,
            title=declared.title or field.name.replace("_", " "),
            default=field.default,
            kind=get_args(field.type)[0] if is_list else field.type,
            is_list=is_list,
        )
    return found


def check_settings(part: Any) -> None:
    """Check each setting of a part for itself; what goes with what is the part's own business."""
    for path, one in settings_of(type(part)).items():
        if "." not in path:  # the parts of a RunConfig have checked themselves
            value = one.checked(getattr(part, path))
            object.__setattr__(part, path, value)  # equal configs are equal as JSON, too
