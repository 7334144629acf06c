"""The recorded run that is nearest to a setting which is not recorded, and in what it differs."""

import math
from collections.abc import Collection as Names
from dataclasses import dataclass
from typing import Any

from core.config import SETTINGS, RunConfig
from core.errors import UserError
from core.recorded.collection import Collection
from core.recorded.run import RecordedRun

SEED = "seed"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A setting in which a recorded run is not what was wanted."""

    path: str
    """Such as `optimizer.learning_rate`."""
    wanted: Any
    recorded: Any


def nearest(
    config: RunConfig, *, among: Collection, on: Names[str] = ()
) -> tuple[RecordedRun, list[Difference]]:
    """The run of a collection that is nearest to `config`, and all settings in which it differs.

    `on` are the settings a reader turns, such as ("optimizer.learning_rate",): they may differ first, and by
    little rather than by much. The seed counts least. Of equally near runs the first is taken. Raises
    `UserError` where the collection has no run.
    """
    found: list[tuple[tuple[float, ...], RecordedRun, list[Difference]]] = []
    for run in among.runs:
        try:
            differences = differing(config, run.config)
        except UserError:  # of another version
            continue
        found.append((_distance(differences, on), run, differences))
    if not found:
        raise UserError(f"Nothing is recorded of {among.name}.")
    _, run, differences = min(found, key=lambda one: one[0])
    return run, differences


def differing(wanted: RunConfig, recorded: RunConfig) -> list[Difference]:
    """The settings in which two configs differ, in the order they are declared."""
    pairs = ((path, _value(wanted, path), _value(recorded, path)) for path in SETTINGS)
    return [Difference(path=path, wanted=a, recorded=b) for path, a, b in pairs if a != b]


def _distance(differences: list[Difference], on: Names[str]) -> tuple[float, ...]:
    turned = [one for one in differences if one.path in on]
    others = [one for one in differences if one.path not in on and one.path != SEED]
    seed = sum(one.path == SEED for one in differences)
    return len(others), sum(map(_apart, turned)), sum(map(_apart, others)), seed


def _apart(one: Difference) -> float:
    """How far two values are apart: numbers by their ratio, so that 1 to 2 is as far as 10 to 20; lists by what
    they have in common."""
    a, b = one.wanted, one.recorded
    if all(isinstance(value, tuple) for value in (a, b)):
        mine, theirs = set[Any](a), set[Any](b)
        return FAR * (1 - len(mine & theirs) / max(1, len(mine | theirs)))
    are_numbers = all(isinstance(value, (int, float)) for value in (a, b))
    if are_numbers and a > 0 and b > 0:
        return abs(math.log(a / b))
    return FAR


FAR = 100.0
"""Of values that are no positive numbers: e to the power of it is no ratio of two settings."""


def _value(config: Any, path: str) -> Any:
    for name in path.split("."):
        config = getattr(config, name)
    return config
