"""A class of thirty as the wall shows it: learners, guesses, runs and challenges, all kept by the app's own functions.

    python -m tests.seeded_class          # into TUNING_FORK_HOME; says how the teacher gets in

The runs are those that come with the app: each learner submits the settings of one, and its recorded events are written
as a worker would write them. What the learners guess is drawn with a fixed seed.
"""

import random
import sys

from core import recorded
from core.classroom.classes import SchoolClass
from core.classroom.classroom import Classroom
from core.classwork.guessed import option_of
from core.course.challenges import challenges
from core.course.content import lesson
from core.course.lessons import LAB, LESSONS
from core.course.predictions import Chosen, Drawn
from core.course.progress import Entry, keep
from core.events import Evaluation
from core.recorded import RecordedRun
from core.runs.rights import store_for
from core.runs.store import RunStore
from core.visitor import Visitor

N_LEARNERS = 30
PAGES = [*[page.url_path for page in LESSONS[:5]], LAB[1].url_path, "challenges", "glossary"]
WEIGHTS = [2, 3, 12, 5, 2, 2, 3, 1]


def seed(
    room: Classroom, *, n: int = N_LEARNERS, address: str = ""
) -> tuple[SchoolClass, str, list[Visitor]]:
    """A class with its teacher's secret and learners. Two runs are still on their way."""
    chance, everything = random.Random(1), RunStore()
    school_class, secret = room.classes.begin(name="8b", minutes=90)
    room.classes.reached_at(school_class.id, address)
    joined = [room.learners.join(school_class.id) for _ in range(n)]
    learners = [Visitor(one.space, "learner", one.class_id, one.name) for one in joined]
    for learner in learners[: n - 3]:
        guess(room, learner, chance)
    solve(learners, chance)
    runs = [run for one in recorded.collections() for run in one.runs if run.valid_config]
    for number, learner in enumerate(learners):
        for run in chance.sample(runs, k=min(len(runs), chance.choice((0, 1, 1, 2)))):
            start(everything, learner, run, part=0.5 if number >= n - 2 else 1.0)
    stand(room, learners)
    return room.classes.get(school_class.id), secret, learners


def stand(room: Classroom, learners: list[Visitor]) -> None:
    """Each learner on a page, but two who have closed theirs."""
    chance = random.Random(2)
    for learner in learners[:-2]:
        room.presence.post(learner, chance.choices(PAGES, WEIGHTS)[0])


def guess(room: Classroom, learner: Visitor, chance: random.Random) -> None:
    """What a class may guess: half are right where one can be, drawings lie round the truth and above it."""
    for course in (lesson("forgetting"), lesson("cures")):
        for one in course.predictions:
            if isinstance(one, Chosen):
                found = one.measured(course.figures)
                texts = [option.text for option in one.options]
                is_right = bool(found) and chance.random() < 0.5
                said = option_of(one, found) if found and is_right else chance.choice(texts)
                room.guesses.lock(learner, course.id, one.id, said)
            else:
                room.guesses.lock(learner, course.id, one.id, drawing(one, chance))


def drawing(one: Drawn, chance: random.Random) -> list[float]:
    """On the stops of the sliders, falling the more the further."""
    step, height = one.high / 20, one.high * chance.uniform(0.6, 0.95)
    fall = chance.uniform(0.5, 1.0)
    heights = [height * fall**n + chance.uniform(-step, step) for n, _ in enumerate(one.points)]
    return [min(one.high, max(0.0, round(h / step) * step)) for h in heights]


def solve(learners: list[Visitor], chance: random.Random) -> None:
    for one in challenges("forgetting"):
        for learner in chance.sample(
            learners, k=len(learners) // (2 + 3 * len(one.difficulty) % 5)
        ):
            kind = "solved" if chance.random() < 0.7 else "tried"
            entry = Entry(learner=learner.name, kind=kind, lesson=one.lesson, item=one.id)
            keep(entry, space=learner.space)


def start(everything: RunStore, learner: Visitor, run: RecordedRun, *, part: float) -> None:
    """A learner's run of a record's settings, up to a part of its checks; whole, it is finished."""
    mine = store_for(learner, everything).submit(run.config)
    entry = Entry(learner=learner.name, kind="ran", lesson="forgetting", item=mine.id)
    keep(entry, space=learner.space)
    if mine.status != "queued" or everything.claim(worker="a worker of this test") is None:
        return  # joined
    events = run.events()
    last = max(n for n, event in enumerate(events) if isinstance(event, Evaluation))
    for event in events[: round((last + 1) * part)] if part < 1 else events:
        everything.append(mine.id, event)
    if part == 1:
        everything.finish(mine.id, run.summary)


if __name__ == "__main__":
    classroom = Classroom()
    begun, _, _ = seed(classroom)
    sys.stdout.write(f"/teach?link={classroom.tickets.link(begun.id)}\n")
