"""Short ways to write the arms of a comparison: one config for each seed, scored on one task."""

from collections.abc import Callable

from core.config import RunConfig
from core.experiments.collections import SEEDS
from core.experiments.mitigations import GENERAL, KEPT, LEARNED
from core.findings.evidence import Arm
from core.findings.sources import Score

LEARNED_WORDS = "sentiment learned"
NAMES_WORDS = "names kept"
GENERAL_WORDS = "general questions kept"
"""What scores are called: shares of right answers at the end of a run."""


def arm(
    title: str,
    build: Callable[[int], RunConfig],
    task: str,
    *,
    at: float | None = None,
    before: bool = False,
    by_parameters: bool = False,
) -> Arm:
    """`build` gives the config of a seed."""
    sources = tuple(Score(config=build(seed), task=task, before=before) for seed in SEEDS)
    return Arm(title=title, sources=sources, at=at, by_parameters=by_parameters)


def learned(title: str, build: Callable[[int], RunConfig], *, at: float | None = None) -> Arm:
    """The new task at the end."""
    return arm(title, build, LEARNED, at=at)


def names(title: str, build: Callable[[int], RunConfig], *, at: float | None = None) -> Arm:
    """The names, which most runs do not train."""
    return arm(title, build, KEPT, at=at)


def general(title: str, build: Callable[[int], RunConfig], *, at: float | None = None) -> Arm:
    """General questions, which no run sees."""
    return arm(title, build, GENERAL, at=at)
