"""Who gets into a class, who they are there, and when that ends."""

import pytest
from sqlalchemy import inspect, text

from core.classroom.classes import OVER, ClassOverError
from core.classroom.classroom import Classroom
from core.classroom.codes import CODE_LENGTH, LETTERS, WrongCodeError, spoken
from core.classroom.learners import MOST_LEARNERS
from core.classroom.tickets import ONCE_S
from core.errors import UserError
from core.visitor import OWNER, Visitor
from tests.core.classroom.conftest import Clock


@pytest.mark.thorough
def test_a_learner_enters_with_the_code_and_is_known_by_the_cookie(room: Classroom) -> None:
    school_class, _ = room.classes.begin(name="8b", minutes=45)
    assert len(school_class.code) == CODE_LENGTH
    assert set(school_class.code) <= set(LETTERS)
    cookie = room.enter(f" {spoken(school_class.code).lower()} ", "Mia")
    mia = room.tickets.visitor(cookie)
    assert (mia.role, mia.class_id, mia.name) == ("learner", school_class.id, "Mia")
    omar = room.tickets.visitor(room.enter(school_class.code, "Omar"))
    assert len({mia.space, omar.space, school_class.id, ""}) == 4
    assert [one.name for one in room.learners.of(school_class.id)] == ["Mia", "Omar"]
    assert room.learners.counts() == {school_class.id: 2}


@pytest.mark.thorough
def test_the_teacher_enters_with_the_secret(room: Classroom) -> None:
    (one, secret), (other, _) = room.classes.begin(name="8b"), room.classes.begin(name="9a")
    expected = Visitor(one.id, "teacher", one.id)
    assert room.tickets.visitor(room.teach(spoken(secret).lower())) == expected
    assert room.tickets.visitor(room.tickets.use_link(room.tickets.link(one.id))) == expected
    assert other.id != one.id
    for wrong in ("", secret[:-1], one.code):
        with pytest.raises(WrongCodeError, match="secret of no class"):
            room.teach(wrong)


def test_what_must_stay_secret_stands_nowhere(room: Classroom) -> None:
    school_class, secret = room.classes.begin()
    cookie = room.enter(school_class.code, "Mia")
    word = room.let_in_again(OWNER, room.tickets.visitor(cookie).space)
    teacher, link = room.teach(secret), room.tickets.link(school_class.id)
    with room.database.transaction() as connection:
        tables = inspect(connection).get_table_names()
        dump = str([connection.execute(text(f"SELECT * FROM {name}")).all() for name in tables])
    assert school_class.id in dump
    for hidden in (secret, cookie, word, teacher, link):
        assert hidden not in dump


@pytest.mark.thorough
@pytest.mark.parametrize("token", ["", "x", "a" * 10_000, "\0", "\ud800", "' OR 1=1 --"])
def test_a_forged_cookie_is_nobody(room: Classroom, token: str) -> None:
    room.enter(room.classes.begin()[0].code, "Mia")
    with pytest.raises(WrongCodeError, match="You are in no class"):
        room.tickets.visitor(token)


def test_a_one_time_word_or_link_is_no_cookie(room: Classroom) -> None:
    school_class, _ = room.classes.begin()
    space = room.learners.join(school_class.id, "Mia").space
    for ticket in (room.let_in_again(OWNER, space), room.tickets.link(school_class.id)):
        with pytest.raises(WrongCodeError):
            room.tickets.visitor(ticket)


@pytest.mark.parametrize("code", ["", "ABC", "AAAAAA", "!", "\ud800", "9" * 5_000])
def test_a_wrong_code_is_one_sentence(room: Classroom, code: str) -> None:
    room.classes.begin()
    with pytest.raises(WrongCodeError, match="No class is open with this code"):
        room.enter(code, "Mia")


def test_a_class_ends_by_its_time(room: Classroom, clock: Clock) -> None:
    school_class, secret = room.classes.begin(minutes=45)
    cookie = room.enter(school_class.code, "Mia")
    clock.now += 44 * 60
    assert room.tickets.visitor(cookie).name == "Mia"
    assert room.classes.get(school_class.id).left_s == pytest.approx(60)
    clock.now += 60
    for late in (
        lambda: room.tickets.visitor(cookie),
        lambda: room.enter(school_class.code, "Omar"),
    ):
        with pytest.raises(ClassOverError, match=OVER):
            late()
    teacher = room.tickets.visitor(room.teach(secret))  # may still look, hand out and delete
    room.go_on(teacher, school_class.id, minutes=5)
    assert room.tickets.visitor(cookie).name == "Mia"


def test_a_class_ends_by_the_button(room: Classroom) -> None:
    school_class, _ = room.classes.begin()
    cookie = room.enter(school_class.code, "Mia")
    room.end(OWNER, school_class.id)
    with pytest.raises(ClassOverError):
        room.tickets.visitor(cookie)
    with pytest.raises(UserError, match="No class is open"):
        room.the_open_one()


def test_a_lost_cookie_is_given_back_once(room: Classroom, clock: Clock) -> None:
    school_class, secret = room.classes.begin()
    teacher = room.tickets.visitor(room.teach(secret))
    old = room.enter(school_class.code, "Mia")
    mia = room.tickets.visitor(old)
    word = room.let_in_again(teacher, mia.space)
    new = room.enter(spoken(word).lower(), "whatever stands there")
    assert room.tickets.visitor(new) == mia
    with pytest.raises(WrongCodeError):  # the lost device is out
        room.tickets.visitor(old)
    with pytest.raises(WrongCodeError, match="used already"):
        room.enter(word)
    late = room.let_in_again(teacher, mia.space)
    clock.now += ONCE_S
    with pytest.raises(WrongCodeError, match="too old"):
        room.enter(late)
    assert len(room.learners.of(school_class.id)) == 1


def test_only_the_teacher_of_the_class_runs_it(room: Classroom) -> None:
    school_class, _ = room.classes.begin()
    _, other_secret = room.classes.begin()
    mia = room.tickets.visitor(room.enter(school_class.code, "Mia"))
    stranger = room.tickets.visitor(room.teach(other_secret))
    for who in (mia, stranger, Visitor("", "learner"), Visitor("", "teacher")):
        for forbidden in (
            lambda who=who: room.members(who, school_class.id),
            lambda who=who: room.end(who, school_class.id),
            lambda who=who: room.go_on(who, school_class.id, minutes=5),
            lambda who=who: room.let_in_again(who, mia.space),
        ):
            with pytest.raises(UserError, match="Only the teacher of this class"):
                forbidden()
    assert not room.classes.get(school_class.id).is_over


def test_two_of_one_name_are_told_apart(room: Classroom) -> None:
    school_class, other = room.classes.begin()[0], room.classes.begin()[0]
    room.enter(school_class.code, "Mia")
    for same in ("mia", " MIA ", "ｍｉａ"):
        with pytest.raises(UserError, match="in this class already"):
            room.enter(school_class.code, same)
    room.enter(other.code, "Mia")


def test_a_full_class_takes_nobody(room: Classroom) -> None:
    school_class, _ = room.classes.begin()
    names = {room.learners.join(school_class.id).name for _ in range(MOST_LEARNERS)}
    assert len(names) == MOST_LEARNERS  # more than there are animals
    with pytest.raises(UserError, match="This class is full"):
        room.enter(school_class.code, "Mia")


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf"), 10**9])
def test_minutes_that_make_no_sense_are_refused(room: Classroom, minutes: float) -> None:
    with pytest.raises(UserError, match="minutes of a class"):
        room.classes.begin(minutes=minutes)
    assert room.classes.all() == []


def test_a_class_without_a_sensible_name_is_refused(room: Classroom) -> None:
    for name in ("x" * 61, "\0"):
        with pytest.raises(UserError, match="The name of a class"):
            room.classes.begin(name=name)


@pytest.mark.thorough
def test_a_deleted_class_lets_nobody_in(room: Classroom) -> None:
    school_class, secret = room.classes.begin()
    cookies = room.enter(school_class.code, "Mia"), room.teach(secret)
    room.classes.delete(school_class.id)
    for cookie in cookies:
        with pytest.raises(WrongCodeError):
            room.tickets.visitor(cookie)
    with pytest.raises(UserError, match="There is no class"):
        room.classes.get(school_class.id)
    for name in ("Mia", ""):
        with pytest.raises(UserError, match="This class was deleted"):
            room.learners.join(school_class.id, name)
