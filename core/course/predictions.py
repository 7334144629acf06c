"""Predictions: what a reader guesses before a run, and how far that is from what came.

One is *chosen* from a few options, each a range of a measured figure or the beginning of an answer; one is *drawn*: a
curve over the steps of a run, or the heights of a few bars. What came is measured on the run that is shown, where the
question is about any run or about settings that this run has; else it is looked up in the recordings.

    distance = 0        the figure lies in the range that was chosen
             = gap      else, from the figure to the nearest end of that range
             = mean |guess − measured|      of a drawing, over its points
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from statistics import fmean

from core.course.citations import figure
from core.course.figures import Figure, check_curve, curve, of_runs
from core.course.measured_run import MeasuredRun
from core.course.questions import Question, Why
from core.course.sources import Runs, Source
from core.errors import UserError, quote

WAYS = ("up", "open", "down")


@dataclass(frozen=True, kw_only=True)
class Option:
    """A guess that can be chosen: a range of numbers, or what an answer begins with."""

    text: str
    low: float = -inf
    high: float = inf
    begins: tuple[str, ...] = ()
    """Beginnings of an answer, in lower case; an option without any, and without a range, takes the rest."""
    goes: str = ""
    """Of a change: "up", "down", or "open" where the intervals before and after overlap."""

    @property
    def is_range(self) -> bool:
        return self.low > -inf or self.high < inf

    def gap(self, value: float) -> float:
        """From a number to the range; 0 inside."""
        return max(self.low - value, value - self.high, 0.0)


@dataclass(frozen=True, kw_only=True)
class Came:
    """A guess beside what came."""

    distance: float
    is_right: bool | None
    """None where chance could have moved the figure over a border of the range."""
    words: str


@dataclass(frozen=True, kw_only=True)
class Chosen:
    id: str
    ask: str
    figure: str
    """The reference that answers it."""
    any_run: bool = False
    """It asks about the run that is shown, whatever its settings; else about those that its figure names."""
    options: tuple[Option, ...]
    why: Why

    def __post_init__(self) -> None:
        if len(self.options) < 2:
            raise UserError(f"The prediction {self.id} must have two options or more.")
        ways = [option.goes for option in self.options if option.goes]
        if ways and (sorted(ways) != sorted(WAYS) or not self.figure.endswith(".change")):
            raise UserError(
                f"The prediction {self.id} must have one option for each of {', '.join(WAYS)}, of a change."
            )
        _ = self.question

    @cached_property
    def question(self) -> Question:
        return self.why.question(self.id)

    @property
    def texts(self) -> list[str]:
        return [self.ask, *self.question.texts]

    @property
    def how(self) -> str:
        """How the distance is computed, in a sentence."""
        if any(option.is_range for option in self.options):
            return "Distance: from the measured figure to the nearest end of the range you chose; 0 inside it."
        return "Distance: 0 if you chose what came, 1 if not."

    def measured(
        self, sources: Mapping[str, Source], run: MeasuredRun | None = None
    ) -> Figure | None:
        """What answers it: of the run that is shown, else of the recorded ones; None where neither measured it."""
        return _measured(self.figure, sources, run, any_run=self.any_run)

    def compare(self, guess: str, found: Figure) -> Came:
        """Raises `UserError` for a guess that is no option."""
        options = {option.text: option for option in self.options}
        if guess not in options:
            raise UserError(f"{quote(guess)} is not among the options of the prediction {self.id}.")
        option = options[guess]
        if found.text is not None:
            is_right = option is self._fitting(found.text)
            return Came(
                distance=float(not is_right), is_right=is_right, words=f"It answered {found.words}."
            )
        if option.goes:
            return _of_change(option, found)
        gap = option.gap(found.value)
        low, high = found.interval or (found.value, found.value)
        is_inside = option.gap(low) == option.gap(high) == 0
        is_outside = high < option.low or low > option.high
        is_right = True if is_inside else False if is_outside else None
        return Came(distance=gap, is_right=is_right, words=f"Measured: {found.words}.")

    def _fitting(self, text: str) -> Option:
        """The option that an answer belongs to."""
        said = text.strip().lower()
        for option in self.options:
            if any(said.startswith(word) for word in option.begins):
                return option
        return next((o for o in self.options if not o.begins), self.options[-1])


def _of_change(option: Option, found: Figure) -> Came:
    low, high = found.interval or (found.value, found.value)
    went = "up" if low > 0 else "down" if high < 0 else "open"
    return Came(
        distance=float(option.goes != went),
        is_right=option.goes == went,
        words=f"Measured: a change of {found.value:+.2f} (between {low:+.2f} and {high:+.2f}).",
    )


@dataclass(frozen=True, kw_only=True)
class Bar:
    text: str
    figure: str


@dataclass(frozen=True, kw_only=True)
class Drawn:
    id: str
    ask: str
    axis: str
    """What is drawn, with its unit."""
    high: float = 1.0
    """The axis goes from 0 to it."""
    curve: str = ""
    """A reference to a curve; the reader draws it at `steps`."""
    steps: tuple[int, ...] = ()
    any_run: bool = False
    """As in a chosen one."""
    bars: tuple[Bar, ...] = ()
    why: Why

    def __post_init__(self) -> None:
        if bool(self.curve) == bool(self.bars) or bool(self.curve) != bool(self.steps):
            raise UserError(f"The prediction {self.id} must have a curve with steps, or bars.")
        _ = self.question

    @cached_property
    def question(self) -> Question:
        return self.why.question(self.id)

    @property
    def texts(self) -> list[str]:
        return [self.ask, *(bar.text for bar in self.bars), *self.question.texts]

    @property
    def points(self) -> tuple[str, ...]:
        """What the reader sets: a bar by its text, or a step."""
        return tuple(bar.text for bar in self.bars) or tuple(f"step {step}" for step in self.steps)

    @property
    def how(self) -> str:
        return (
            "Distance: how far your drawing is from the measured one, on average over its points."
        )

    def start(self, sources: Mapping[str, Source]) -> float | None:
        """Where a curve begins, which the reader is told; None for bars, and where it is not recorded."""
        points = self._curve_points(sources, None) if self.curve else {}
        return points[0].value if 0 in points else None

    def measured(
        self, sources: Mapping[str, Source], run: MeasuredRun | None = None
    ) -> list[Figure] | None:
        """Of each point; None where one of them is not there."""
        if self.curve:
            points = self._curve_points(sources, run)
            found = [points.get(step) for step in self.steps]
        else:
            found = [_measured(bar.figure, sources, run, any_run=self.any_run) for bar in self.bars]
        whole = [one for one in found if one]
        return whole if len(whole) == len(found) else None

    def compare(self, guess: Sequence[float], found: Sequence[Figure]) -> Came:
        """The mean distance of the points. `ValueError` where there are more or fewer of them."""
        distance = fmean(abs(a - b.value) for a, b in zip(guess, found, strict=True))
        return Came(distance=distance, is_right=None, words=self.how)

    def _curve_points(
        self, sources: Mapping[str, Source], run: MeasuredRun | None
    ) -> dict[int, Figure]:
        name, _, metric = self.curve.partition(".")
        if not isinstance(source := sources.get(name), Runs):
            raise UserError(f"The curve {quote(self.curve)} is not of recorded runs.")
        check_curve(metric, source)
        if run and (self.any_run or source.holds(run.config)):
            return curve(metric, run.events)
        recorded = source.measured()
        return curve(metric, recorded[0].events) if recorded else {}


Prediction = Chosen | Drawn


def _measured(
    reference: str, sources: Mapping[str, Source], run: MeasuredRun | None, *, any_run: bool
) -> Figure | None:
    name, _, metric = reference.partition(".")
    source = sources.get(name)
    if run and isinstance(source, Runs) and (any_run or source.holds(run.config)):
        asked_alike = run.config.evaluation.prompts == source.configs[0].evaluation.prompts
        if metric.startswith("answer.") and not asked_alike:
            return None  # the n-th prompt of this run is another one
        return of_runs(metric, [run])
    return figure(reference, sources)
