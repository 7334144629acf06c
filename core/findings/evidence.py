"""What the recorded runs of one arm of a comparison came to: a figure for each seed, and the interval of their mean.

An arm is one way to tune (or to ask) with several seeds. Two things make its mean uncertain, and both count:

    test examples   each score is a share of few examples; seeds share them, so more seeds do not help
    seeds           the mean of few seeds could have come out otherwise: Student's t

They are independent, so their half widths add as squares do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import hypot, inf, sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Protocol

from core.config import RunConfig
from core.recorded import RecordedRun, collections

FEWEST = 3
"""Seeds of an arm; with fewer nothing is decided."""
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One seed's figure."""

    value: float
    interval: tuple[float, float]
    """95 %, over test examples."""
    run_id: str = ""
    identity: str = ""
    """Of the code, model and precision that made it; "" where it is of no run."""
    trained_parameters: int = 0
    least: float = 0.0
    """What the figure cannot be below."""


class Records:
    """The recorded runs of a folder by their settings, looked up many times."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._runs: dict[str, RecordedRun] = {}
        for one in collections(folder=folder):
            for config_hash, run in one.by_hash.items():
                self._runs.setdefault(config_hash, run)

    def run(self, config: RunConfig) -> RecordedRun | None:
        """The run of exactly these settings, or None."""
        return self._runs.get(config.hash)


class Source(Protocol):
    """Where one seed's figure comes from."""

    def read(self, records: Records) -> Reading | None:
        """None where it is not recorded."""
        ...

    @property
    def command(self) -> str:
        """Measures it again; "" where no single command does."""
        ...


class Side(Protocol):
    """What can stand on one side of a comparison."""

    @property
    def title(self) -> str: ...

    def evidence(self, records: Records) -> "Evidence": ...

    @property
    def command(self) -> str:
        """Of its first seed."""
        ...


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is recorded of one side."""

    title: str
    readings: tuple[Reading, ...]
    n_wanted: int
    """Seeds that the comparison asks for."""
    at: float | None = None
    """Its place on an axis, such as a rank; None where there is none."""
    is_constant: bool = False
    """A number that nothing was measured for."""

    @property
    def values(self) -> tuple[float, ...]:
        return tuple(reading.value for reading in self.readings)

    @property
    def has_enough(self) -> bool:
        return self.is_constant or len(self.readings) >= FEWEST

    @property
    def mean(self) -> float:
        return fmean(self.values)

    @cached_property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the mean, over test examples and seeds; all values for a single seed."""
        if self.is_constant:
            return self.mean, self.mean
        below = fmean(r.value - r.interval[0] for r in self.readings)
        above = fmean(r.interval[1] - r.value for r in self.readings)
        spread = seed_half_width(self.values)
        low, high = self.mean - hypot(below, spread), self.mean + hypot(above, spread)
        return max(low, self.readings[0].least), min(high, 1.0)

    @property
    def words(self) -> str:
        """Such as "LoRA: 0.94 [0.85, 0.98]"."""
        if self.is_constant:
            return f"{self.title}: {self.mean:g}"
        low, high = self.interval
        bounds = f" [{low:.2f}, {high:.2f}]" if len(self.readings) > 1 else " (one seed)"
        return f"{self.title}: {self.mean:.2f}{bounds}"


def seed_half_width(values: Sequence[float]) -> float:
    """Half the 95 % t interval of a mean over seeds; infinite for one value.

    >>> round(seed_half_width([0.5, 0.6, 0.7]), 3)
    0.248
    """
    from scipy.special import stdtrit  # slow to import, and seldom wanted

    n = len(values)
    if n < 2:
        return inf
    return float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * stdev(values) / sqrt(n)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way to tune or to ask, with several seeds."""

    title: str
    sources: tuple[Source, ...]
    at: float | None = None
    by_parameters: bool = False
    """Its place on the axis is the number of parameters that its runs trained."""

    def evidence(self, records: Records) -> Evidence:
        found = (source.read(records) for source in self.sources)
        readings = tuple(reading for reading in found if reading)
        at = self.at
        if self.by_parameters and readings:
            at = float(readings[0].trained_parameters)
        return Evidence(title=self.title, readings=readings, n_wanted=len(self.sources), at=at)

    @property
    def command(self) -> str:
        return self.sources[0].command


@dataclass(frozen=True, kw_only=True)
class BestOf:
    """The arm with the highest mean, once all are recorded.

    It is chosen on the examples that it is scored on, so it is a little too high: compare it with another best.
    """

    title: str
    arms: tuple[Arm, ...]

    def evidence(self, records: Records) -> Evidence:
        found = [arm.evidence(records) for arm in self.arms]
        n_wanted = sum(one.n_wanted for one in found)
        if not all(one.has_enough for one in found):
            return Evidence(title=self.title, readings=(), n_wanted=n_wanted)
        best = max(found, key=lambda one: one.mean)
        return Evidence(
            title=f"{self.title} ({best.title})", readings=best.readings, n_wanted=best.n_wanted
        )

    @property
    def command(self) -> str:
        return self.arms[0].command


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A number to compare with, such as no change."""

    title: str
    value: float

    def evidence(self, records: Records) -> Evidence:
        del records
        reading = Reading(value=self.value, interval=(self.value, self.value))
        return Evidence(title=self.title, readings=(reading,), n_wanted=0, is_constant=True)

    @property
    def command(self) -> str:
        return ""
