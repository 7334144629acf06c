"""The guesses of a class beside what came: how many chose each option, or all drawn curves at once.

    options = chosen(course, one, guesses)                # an Option for each, with who chose it
    truth = what_came(course, one, runs)                  # recorded, and measured by the class's own runs

Of the class's runs those count whose settings are the ones that the question is about, whatever their seed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from core.classroom.guesses import Guess
from core.course.content import Lesson
from core.course.figures import Figure
from core.course.predictions import Chosen, Drawn, Prediction
from core.course.sources import MeasuredRun, Runs
from core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Option:
    """One answer that could be chosen."""

    text: str
    spaces: tuple[str, ...] = ()
    """Who chose it."""
    is_recorded: bool = False
    """It is what the recorded runs say."""
    n_runs: int = 0
    """So many runs of the class came out so."""

    @property
    def n(self) -> int:
        return len(self.spaces)


@dataclass(frozen=True, kw_only=True)
class Histogram:
    options: tuple[Option, ...]
    recorded: str = ""
    """What the recorded runs say, in words; "" where none are."""
    is_sure: bool = True
    """Whether more test examples would leave the recorded figure where it is, in one option."""
    n_runs: int = 0
    """Runs of the class that tell."""

    @property
    def n(self) -> int:
        return sum(option.n for option in self.options)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A drawing, or a measured curve: a height at each point."""

    heights: tuple[float, ...]
    space: str = ""
    distance: float | None = None
    """Of a drawing: from the recorded curve, on average over its points."""


@dataclass(frozen=True, kw_only=True)
class Fan:
    """All drawings of a class."""

    points: tuple[str, ...]
    """What was set: the steps of a curve, or bars by their text."""
    steps: tuple[int, ...]
    """() for bars."""
    start: float | None
    """Where all curves begin; None for bars, and where it is not recorded."""
    axis: str
    high: float
    drawn: tuple[Line, ...]
    middle: tuple[float, ...]
    """The median of the drawings at each point; () without drawings."""
    recorded: tuple[Line, ...] = ()
    """The recorded runs, a seed each; distances are those from the first, as a learner's page has them."""
    runs: tuple[Line, ...] = ()
    """What the class's own runs measured."""

    @property
    def mean_distance(self) -> float | None:
        """Of all drawings from the recorded curve."""
        found = [line.distance for line in self.drawn if line.distance is not None]
        return fmean(found) if found else None


def histogram(
    course: Lesson,
    one: Chosen,
    guesses: Iterable[Guess],
    runs: Iterable[MeasuredRun] = (),
    *,
    with_truth: bool,
) -> Histogram:
    """What was chosen, and what came where `with_truth`. Guesses that are no option any more are left out."""
    by_text: dict[str, list[str]] = {option.text: [] for option in one.options}
    for guess in guesses:
        if isinstance(guess.guess, str) and guess.guess in by_text:
            by_text[guess.guess].append(guess.space)
    if not with_truth:
        return Histogram(
            options=tuple(Option(text=text, spaces=tuple(who)) for text, who in by_text.items())
        )
    recorded = one.measured(course.figures)
    came = option_of(one, recorded) if recorded else ""
    own = [
        option_of(one, figure)
        for run in about(course, one, runs)
        if (figure := _of(course, one, run))
    ]
    options = tuple(
        Option(text=text, spaces=tuple(who), is_recorded=text == came, n_runs=own.count(text))
        for text, who in by_text.items()
    )
    beside = one.compare(came, recorded) if recorded and came else None
    return Histogram(
        options=options,
        recorded=beside.words if beside else "",
        is_sure=beside is None or beside.is_right is not None,
        n_runs=len(own),
    )


def fan(
    course: Lesson,
    one: Drawn,
    guesses: Iterable[Guess],
    runs: Iterable[MeasuredRun] = (),
    *,
    with_truth: bool,
) -> Fan:
    """All drawings that have the points asked for, and what came where `with_truth`."""
    found = one.measured(course.figures) if with_truth else None
    drawn: list[Line] = []
    for guess in guesses:
        heights = guess.guess
        if isinstance(heights, str) or len(heights) != len(one.points):
            continue
        distance = one.compare(heights, found).distance if found else None
        drawn.append(Line(heights=heights, space=guess.space, distance=distance))
    own: list[Line] = []
    for run in about(course, one, runs) if with_truth else ():
        if points := one.measured(course.figures, run):
            own.append(Line(heights=tuple(point.value for point in points)))
    columns = zip(*(line.heights for line in drawn), strict=True)
    return Fan(
        points=one.points,
        steps=one.steps,
        start=one.start(course.figures),
        axis=one.axis,
        high=one.high,
        drawn=tuple(drawn),
        middle=tuple(median(column) for column in columns),
        recorded=_recorded(course, one, found) if found else (),
        runs=tuple(own),
    )


def _recorded(course: Lesson, one: Drawn, found: Sequence[Figure]) -> tuple[Line, ...]:
    """All seeds of a curve; bars are means of them already."""
    first = Line(heights=tuple(point.value for point in found))
    source = course.figures.get(one.curve.partition(".")[0])
    if not isinstance(source, Runs):
        return (first,)
    every = [one.measured(course.figures, run) for run in source.measured()[1:]]
    others = [Line(heights=tuple(point.value for point in line)) for line in every if line]
    return (first, *others)


def option_of(one: Chosen, found: Figure) -> str:
    """The option that a measured figure belongs to; "" where there is none."""
    return next((o.text for o in one.options if one.compare(o.text, found).distance == 0), "")


def about(course: Lesson, one: Prediction, runs: Iterable[MeasuredRun]) -> list[MeasuredRun]:
    """The runs with the settings that a prediction asks about."""
    references = (
        [one.figure]
        if isinstance(one, Chosen)
        else [one.curve]
        if one.curve
        else [b.figure for b in one.bars]
    )
    names = {reference.partition(".")[0] for reference in references}
    source = course.figures.get(names.pop()) if len(names) == 1 else None
    if not isinstance(source, Runs):
        return []
    asked = source.configs[0]
    return [run for run in runs if replace(run.config, seed=asked.seed) == asked]


def _of(course: Lesson, one: Chosen, run: MeasuredRun) -> Figure | None:
    try:
        return one.measured(course.figures, run)
    except UserError:  # it did not measure this
        return None


def nearest(drawn: Sequence[Line], names: Mapping[str, str]) -> str:
    """Who drew nearest to what came, in words; "" where that is not known."""
    known = [line for line in drawn if line.distance is not None and line.space in names]
    if not known:
        return ""
    best = min(known, key=lambda line: line.distance or 0.0)
    return f"{names[best.space]} drew nearest: {best.distance:.2g} away"
