"""What a class shows and follows: where learners are, their guesses, and what the teacher asks of all screens."""

import pytest

from core.classroom import presence, steering
from core.classroom.classroom import Classroom
from core.classroom.presence import AWAY_S, POST_S
from core.classroom.steering import FRESH_S, Look
from core.config import RunConfig
from core.errors import UserError
from core.runs.rights import store_for
from core.runs.store import RunStore
from core.visitor import OWNER, Visitor
from tests.core.classroom.conftest import Clock
from tests.people import learner_of, teacher_of

LOOK = Look(
    page="forgetting",
    settings={"forgetting_sequence": ["names", "topic"]},
    values={"forgetting_steps": 20, "forgetting_rate_full": 3e-4, "x": None, "on": True},
)


@pytest.fixture
def teacher(room: Classroom) -> Visitor:
    return teacher_of(room)


@pytest.fixture
def mia(room: Classroom, teacher: Visitor) -> Visitor:
    return learner_of(room, teacher, "Mia")


@pytest.fixture
def other(room: Classroom) -> Visitor:
    """The teacher of another class."""
    return teacher_of(room, "9a")


def test_a_page_says_where_a_learner_is_and_writes_only_what_is_news(
    room: Classroom, teacher: Visitor, mia: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = PresenceClock()
    monkeypatch.setattr(presence, "time", clock)
    assert room.presence.post(mia, "forgetting")
    assert not room.presence.post(mia, "forgetting")
    assert room.presence.post(mia, "lora")
    clock.now += POST_S + 1
    assert room.presence.post(mia, "lora")
    (seen,) = room.presence.of_class(teacher, teacher.class_id)
    assert (seen.space, seen.page, seen.at) == (mia.space, "lora", clock.now)
    assert seen.is_here(clock.now + AWAY_S)
    assert not seen.is_here(clock.now + AWAY_S + 1)


class PresenceClock(Clock):
    def monotonic(self) -> float:
        return self.now


def test_only_learners_are_where(room: Classroom, teacher: Visitor) -> None:
    assert not room.presence.post(OWNER, "lora")
    assert not room.presence.post(teacher, "lora")
    room.guesses.lock(OWNER, "forgetting", "park", "Amina and Omar")
    assert room.presence.of_class(OWNER, teacher.class_id) == []


def test_the_first_guess_counts_until_the_teacher_asks_anew(
    room: Classroom, teacher: Visitor, mia: Visitor
) -> None:
    room.guesses.lock(mia, "forgetting", "park", "something else")
    room.guesses.lock(mia, "forgetting", "park", "“positive” or “negative”")
    room.guesses.lock(mia, "forgetting", "names_curve", [0.9, 0.5, 0.25, 0])
    (guess,) = room.guesses.of(teacher, teacher.class_id, "forgetting", "park")
    assert (guess.space, guess.guess) == (mia.space, "something else")
    found = room.guesses.of_learner(mia.space)
    assert found["forgetting", "names_curve"].guess == (0.9, 0.5, 0.25, 0.0)
    room.guesses.clear(teacher, teacher.class_id, "forgetting", "park")
    assert list(room.guesses.of_learner(mia.space)) == [("forgetting", "names_curve")]
    room.guesses.lock(mia, "forgetting", "park", "“positive” or “negative”")
    (guess,) = room.guesses.of(teacher, teacher.class_id, "forgetting", "park")
    assert guess.guess == "“positive” or “negative”"


def test_all_screens_are_asked_to_look(
    room: Classroom, teacher: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = PresenceClock()
    monkeypatch.setattr(steering, "time", clock)
    assert room.steering.state(teacher.class_id) == steering.State()
    room.steering.look_here(teacher, teacher.class_id, LOOK)
    room.steering.freeze(teacher, teacher.class_id, True)
    elsewhere = Classroom()  # another server on the same database
    found = elsewhere.steering.state(teacher.class_id)
    assert (found.number, found.look, found.is_frozen) == (1, LOOK, True)
    assert found.is_fresh(clock.now + FRESH_S)
    assert not found.is_fresh(clock.now + FRESH_S + 1)
    room.steering.look_here(teacher, teacher.class_id, LOOK)
    assert room.steering.state(teacher.class_id).number == 2
    assert room.steering.state(teacher.class_id).is_frozen


def test_however_many_pages_ask_the_row_is_read_once_a_second(
    room: Classroom, teacher: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = PresenceClock()
    monkeypatch.setattr(steering, "time", clock)
    reads = []
    real = room.steering._read
    monkeypatch.setattr(room.steering, "_read", lambda id: reads.append(id) or real(id))
    for _ in range(30):
        room.steering.state(teacher.class_id)
    assert len(reads) == 1
    clock.now += 1.1
    room.steering.state(teacher.class_id)
    assert len(reads) == 2


def test_a_paused_class_starts_nothing(room: Classroom, teacher: Visitor, mia: Visitor) -> None:
    everything = RunStore()
    room.steering.freeze(teacher, teacher.class_id, True)
    with pytest.raises(UserError, match="Your teacher has paused the class"):
        store_for(mia, everything).submit(RunConfig())
    with pytest.raises(UserError, match="Your teacher has paused the class"):
        store_for(mia, everything).limits.count_question()
    store_for(teacher, everything).submit(RunConfig())
    room.steering.freeze(teacher, teacher.class_id, False)
    assert store_for(mia, everything).submit(RunConfig()).status == "queued"


@pytest.mark.parametrize("operation", ["look", "freeze", "guesses", "clear", "presence"])
def test_only_the_teacher_of_the_class_may(
    room: Classroom, teacher: Visitor, mia: Visitor, other: Visitor, operation: str
) -> None:
    id = teacher.class_id
    calls = {
        "look": lambda who: room.steering.look_here(who, id, LOOK),
        "freeze": lambda who: room.steering.freeze(who, id, True),
        "guesses": lambda who: room.guesses.of(who, id, "forgetting", "park"),
        "clear": lambda who: room.guesses.clear(who, id, "forgetting", "park"),
        "presence": lambda who: room.presence.of_class(who, id),
    }
    for who in (mia, other):
        with pytest.raises(UserError, match="Only the teacher"):
            calls[operation](who)
    calls[operation](teacher)
    calls[operation](OWNER)


def test_what_a_deleted_class_showed_is_gone(
    room: Classroom, teacher: Visitor, mia: Visitor
) -> None:
    room.presence.post(mia, "lora")
    room.guesses.lock(mia, "forgetting", "park", "something else")
    room.steering.look_here(teacher, teacher.class_id, LOOK)
    room.classes.delete(teacher.class_id)
    assert room.presence.of_class(OWNER, teacher.class_id) == []
    assert room.guesses.of_learner(mia.space) == {}
    assert Classroom().steering.state(teacher.class_id).look is None
    room.presence.post(mia, "forgetting")  # their page is still open
    room.guesses.lock(mia, "forgetting", "park", "something else")
    assert room.guesses.of_learner(mia.space) == {}
