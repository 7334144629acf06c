"""What a class hands in: a lab report of each learner and lesson, and the results as tables.

    for name, content in handed_in(pupils, events_of):     # "reports/01-Mia/03-forgetting.html", "guesses.csv", …
    zipped(handed_in(pupils, events_of))

Tables: guesses with their distances, runs with settings and scores, questions, challenges, and the answers before and
after the course. Nothing in them is computed by a spreadsheet (core/evaluate/examples.py:to_csv).
"""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from core.classwork.pupils import EventsOf, Pupil, as_guess, report_of
from core.course.challenges import challenges
from core.course.content import lesson
from core.course.kit import stem
from core.course.lessons import LESSONS
from core.course.predictions import Came, Chosen
from core.course.quiz import as_csv
from core.errors import UserError, shortened
from core.evaluate.examples import to_csv
from core.paths import save_whole
from core.runs.listing import Marked, rows
from core.typed_json import JsonObject

Rows = list[JsonObject]
File = tuple[str, str]
"""Its name below the folder, and its text."""


def handed_in(pupils: Sequence[Pupil], events_of: EventsOf, *, marks: Marked) -> Iterator[File]:
    """All files, one after another: a large class has hundreds of reports. Tables without rows are left out."""
    for n, one in enumerate(pupils, start=1):
        for page in LESSONS:
            if page.id in one.lessons:
                text = report_of(one, lesson(page.id), events_of)
                yield f"reports/{n:02}-{file_name(one.name)}/{stem(page)}.html", text
    tables = {
        "guesses": to_csv(guess_rows(pupils)),
        "runs": to_csv(run_rows(pupils, marks)),
        "questions": to_csv(question_rows(pupils)),
        "challenges": to_csv(challenge_rows(pupils)),
        "before_and_after": as_csv(tests)
        if (tests := [t for p in pupils for t in p.tests])
        else "",
    }
    yield from ((f"{name}.csv", text) for name, text in tables.items() if text)


def zipped(files: Iterable[File]) -> bytes:
    """The same as one ZIP."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files:
            archive.writestr(name, text)
    return out.getvalue()


def write(files: Iterable[File], folder: Path) -> list[Path]:
    """Into a folder that is new or empty. Raises `UserError` for another one, and where the disk refuses."""
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"{shortened(folder)} is not empty; name a new folder.")
    except OSError as error:
        raise UserError(
            f"{shortened(folder)} cannot be read: {error.strerror or error}."
        ) from error
    written: list[Path] = []
    for name, text in files:
        save_whole(folder / name, text.encode(), parents=True)
        written.append(folder / name)
    return written


def file_name(name: str) -> str:
    """A nickname as part of a file's name, on every system."""
    return re.sub(r"[^\w-]+", "_", name, flags=re.ASCII).strip("_") or "learner"


def guess_rows(pupils: Iterable[Pupil]) -> Rows:
    """Each guess that a learner saw compared, then those that were locked only: compared with the recordings here."""
    found: Rows = []
    for one in pupils:
        seen: set[tuple[str, str]] = set()
        for entry in one.progress.of("predicted"):
            seen.add((entry.lesson, entry.item))
            guess = guess_words(as_guess(entry.detail.get("guess")))
            row = _guess_row(one, entry.lesson, entry.item, guess, at=entry.at)
            found.append(
                row
                | {"distance": entry.detail.get("distance"), "is_right": entry.detail.get("right")}
            )
        for (where, id), locked in one.guesses.items():
            if (where, id) not in seen:
                row = _guess_row(one, where, id, guess_words(locked.guess), saw_it=False)
                came = _came(where, id, locked.guess)
                found.append(
                    row | {"distance": came.distance, "is_right": came.is_right} if came else row
                )
    return found


def _guess_row(
    one: Pupil, lesson: str, prediction: str, guess: str, *, at: str = "", saw_it: bool = True
) -> JsonObject:
    return {
        "learner": one.name,
        "lesson": lesson,
        "prediction": prediction,
        "guess": guess,
        "distance": None,
        "is_right": None,
        "saw_what_came": saw_it,
        "at": at,
    }


def _came(where: str, id: str, guess: str | tuple[float, ...]) -> Came | None:
    """None where nothing is recorded, and for a guess of another version."""
    try:
        course = lesson(where)
        one = course.prediction(id)
        if isinstance(one, Chosen):
            found = one.measured(course.figures)
            return one.compare(guess, found) if found and isinstance(guess, str) else None
        points = one.measured(course.figures)
        return one.compare(guess, points) if points and not isinstance(guess, str) else None
    except ValueError:
        return None


def guess_words(guess: str | tuple[float, ...] | None) -> str:
    if guess is None or isinstance(guess, str):
        return guess or ""
    return " ".join(f"{height:g}" for height in guess)


def run_rows(pupils: Sequence[Pupil], marks: Marked) -> Rows:
    """A row for each learner and run, with the same columns in all: scores before and after, and every setting."""
    every = {run.id: run for one in pupils for run in one.runs}
    told = {row["id"]: row for row in rows(list(every.values()), marks)}
    return [
        {
            "learner": one.name,
            "lesson": ", ".join(
                dict.fromkeys(e.lesson for e in one.progress.of("ran") if e.item == run.id)
            ),
            **told[run.id],
        }
        for one in pupils
        for run in one.runs
    ]


def question_rows(pupils: Iterable[Pupil]) -> Rows:
    return [
        {
            "learner": one.name,
            "lesson": entry.lesson,
            "question": entry.item,
            "answer": entry.detail.get("answer"),
            "is_right": entry.detail.get("right"),
            "at": entry.at,
        }
        for one in pupils
        for entry in one.progress.of("answered")
    ]


def challenge_rows(pupils: Iterable[Pupil]) -> Rows:
    """Those that were tried or solved."""
    return [
        {
            "learner": one.name,
            "lesson": each.lesson,
            "challenge": each.id,
            "title": each.title,
            "difficulty": each.difficulty,
            "tries_in_vain": one.progress.tries[each.id],
            "solved_at": solved.at if (solved := one.progress.solved.get(each.id)) else "",
        }
        for one in pupils
        for each in challenges()
        if each.id in one.progress.solved or each.id in one.progress.tries
    ]
