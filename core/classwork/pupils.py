"""All that one learner of a class did, read from where it is kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from core.classroom.classroom import Classroom
from core.classroom.guesses import Guess
from core.course.content import Lesson
from core.course.measured_run import MeasuredRun
from core.course.progress import Progress, place, progress
from core.course.quiz import Result, results
from core.course.report import answered, guessed, report
from core.errors import UserError
from core.events import Event
from core.runs.record import Run
from core.runs.states import RunStatus
from core.runs.store import RunStore

MOST_RUNS = 5_000
"""Of a class."""
EventsOf = Callable[[str], Sequence[Event]]


@dataclass(frozen=True, kw_only=True)
class Pupil:
    space: str
    name: str
    progress: Progress
    guesses: dict[tuple[str, str], Guess]
    """Locked ones, by lesson and prediction."""
    runs: tuple[Run, ...]
    """Those that this learner has, the newest first."""

    @property
    def lessons(self) -> set[str]:
        """Those that were worked on."""
        return {e.lesson for e in self.progress.entries if e.lesson} | {
            lesson for lesson, _ in self.guesses
        }

    def guesses_of(self, lesson: str) -> dict[str, str | tuple[float, ...]]:
        """By prediction: the one that was locked first, else the one that was compared last."""
        found: dict[str, str | tuple[float, ...]] = {}
        for entry in self.progress.of("predicted", lesson=lesson):
            if (guess := as_guess(entry.detail.get("guess"))) is not None:
                found[entry.item] = guess
        locked = {id: one.guess for (where, id), one in self.guesses.items() if where == lesson}
        return found | locked

    def answers_of(self, lesson: str) -> dict[str, str]:
        """By question: the answer that was chosen last."""
        entries = self.progress.of("answered", lesson=lesson)
        return {entry.item: str(entry.detail.get("answer", "")) for entry in entries}

    def run_of(self, lesson: str) -> Run | None:
        """The newest finished run that was started in a lesson."""
        started = {entry.item for entry in self.progress.of("ran", lesson=lesson)}
        done = (run for run in self.runs if run.id in started and run.status is RunStatus.FINISHED)
        return next(done, None)

    @property
    def tests(self) -> list[Result]:
        """The questions before and after the course."""
        return [replace(one, learner=self.name) for one in results(self.progress).values()]


def pupils(room: Classroom, store: RunStore, class_id: str) -> list[Pupil]:
    """All learners of a class, in the order in which they joined. `UserError` where something cannot be read."""
    runs = {run.id: run for run in store.runs(limit=MOST_RUNS)}
    held: dict[str, list[Run]] = {}
    for run_id, spaces in holders(store).items():
        for space in spaces if run_id in runs else ():
            held.setdefault(space, []).append(runs[run_id])
    return [
        Pupil(
            space=one.space,
            name=one.name,
            progress=progress_of(one.space, one.name),
            guesses=room.guesses.of_learner(one.space),
            runs=tuple(sorted(held.get(one.space, ()), key=lambda run: -run.created_at)),
        )
        for one in room.learners.of(class_id)
    ]


def holders(store: RunStore, *, with_hidden: bool = True) -> dict[str, list[str]]:
    """The spaces that have each run, by its id, who pressed first stands first."""
    found: dict[str, list[str]] = {}
    for holding in store.holdings():
        if with_hidden or not holding.hidden:
            found.setdefault(holding.run_id, []).append(holding.space)
    return found


def progress_of(space: str, name: str) -> Progress:
    """What a learner did; the file is read again only when it has changed."""
    try:
        found = place(space).stat()
    except OSError:
        return Progress()
    return _progress(space, name, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=200)
def _progress(space: str, name: str, changed_at: int, size: int) -> Progress:
    del changed_at, size
    return progress(name, space=space)


def report_of(one: Pupil, course: Lesson, events_of: EventsOf) -> str:
    """A learner's lab report of a lesson, as HTML."""
    run = measured(one.run_of(course.id), events_of)
    return report(
        course,
        run,
        guesses=guessed(course, one.guesses_of(course.id), run),
        answers=answered(course, one.answers_of(course.id)),
        learner=one.name,
    )


def measured(run: Run | None, events_of: EventsOf) -> MeasuredRun | None:
    """A run as figures are taken from it; None for none, and where its settings are not valid any more."""
    if run is None:
        return None
    try:
        return MeasuredRun(config=run.config, events=tuple(events_of(run.id)), summary=run.summary)
    except UserError:
        return None


def as_guess(stored: object) -> str | tuple[float, ...] | None:
    """A guess as it was kept in JSON: a chosen option, or the heights of a drawing."""
    if isinstance(stored, str) and stored:
        return stored
    if isinstance(stored, list) and all(isinstance(one, int | float) for one in stored):
        return tuple(float(one) for one in stored)
    return None
