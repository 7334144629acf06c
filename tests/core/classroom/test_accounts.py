"""Who somebody is by the claims of their account: one space each, and teachers by one claim."""

from typing import Any

import pytest

from core.classroom.accounts import called, is_teacher, visitor_of
from core.classroom.classes import ClassOverError
from core.classroom.classroom import Classroom
from core.classroom.nicknames import animals
from core.classroom.spaces import folder
from core.errors import UserError
from core.visitor import Visitor

SECRET = "a long secret of this server"
MIA = {"iss": "https://login.school", "sub": "17", "name": "Mia Novak", "roles": ["pupil", "chess"]}
TEACHER = {"iss": "https://login.school", "sub": "1", "name": "Ms Okafor", "roles": ["teacher"]}


@pytest.fixture(autouse=True)
def teachers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNING_FORK_TEACHER_CLAIM", "roles=teacher")


def test_the_same_person_finds_the_same_space(room: Classroom) -> None:
    mia = visitor_of(MIA, room, SECRET)
    assert (mia.role, mia.name) == ("learner", "Mia Novak")
    assert visitor_of(MIA | {"name": "Mia Smith", "email": "mia@new.example"}, room, SECRET) == mia
    assert visitor_of(MIA, Classroom(), SECRET) == mia
    folder(mia.space)  # a space like any other
    assert [one.name for one in room.learners.of(mia.class_id)] == ["Mia Novak"]


def test_different_people_have_different_spaces(room: Classroom) -> None:
    others: list[dict[str, Any]] = [
        MIA | {"sub": "18"},
        MIA | {"iss": "https://login.other"},
        MIA | {"iss": "https://login.school\n1", "sub": "7"},
    ]
    found = [visitor_of(one, room, SECRET) for one in (MIA, *others)]
    assert len({one.space for one in found}) == 4
    assert len({one.class_id for one in found}) == 1
    assert [one.name for one in found] == ["Mia Novak", *(f"Mia Novak {n}" for n in (2, 3, 4))]
    assert visitor_of(MIA, room, "another secret").space != found[0].space


def test_the_claim_makes_the_teacher(room: Classroom) -> None:
    teacher = visitor_of(TEACHER, room, SECRET)
    assert teacher == Visitor(teacher.class_id, "teacher", teacher.class_id)
    mia = visitor_of(MIA, room, SECRET)
    assert mia.class_id == teacher.class_id
    assert [one.space for one in room.members(teacher, teacher.class_id)] == [mia.space]
    with pytest.raises(UserError, match="Only the teacher"):
        room.members(mia, mia.class_id)


@pytest.mark.parametrize(
    ("wanted", "claims", "is_one"),
    [
        ("roles=teacher", {"roles": "teacher"}, True),
        ("roles=teacher", {"roles": "head teacher"}, False),
        ("roles=teacher", {"role": "teacher"}, False),
        ("realm_access.roles=teacher", {"realm_access": {"roles": ["teacher"]}}, True),
        ("realm_access.roles=teacher", {"realm_access": "roles"}, False),
        ("is_staff=true", {"is_staff": True}, True),
        ("is_staff=true", {"is_staff": False}, False),
        ("email=a@b.example", {"email": "a@b.example"}, True),
        ("roles=None", {}, False),
        ("", {"roles": "teacher", "": ""}, False),
    ],
)
def test_which_claim_it_is(
    monkeypatch: pytest.MonkeyPatch, wanted: str, claims: dict[str, Any], is_one: bool
) -> None:
    monkeypatch.setenv("TUNING_FORK_TEACHER_CLAIM", wanted)
    assert is_teacher(claims) is is_one


@pytest.mark.parametrize("wanted", ["roles", "=teacher", "roles=", " = "])
def test_a_setting_that_names_no_claim_lets_nobody_in(
    room: Classroom, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setenv("TUNING_FORK_TEACHER_CLAIM", wanted)
    with pytest.raises(UserError, match="must name a claim and its value, such as roles=teacher"):
        visitor_of(TEACHER, room, SECRET)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"iss": "x"},
        {"sub": "1"},
        {"iss": "", "sub": "1"},
        {"iss": "x", "sub": 1},
        {"iss": None},
    ],
)
def test_claims_that_name_nobody(room: Classroom, claims: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="could not be recognised"):
        visitor_of(claims, room, SECRET)


def test_without_a_secret_nobody_gets_a_space(room: Classroom) -> None:
    with pytest.raises(ValueError, match="no secret"):
        visitor_of(MIA, room, "")


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": "mia@school.example"}, "mia"),
        ({"given_name": "Åsa-Li", "name": "Åsa-Li Berg"}, "Åsa-Li"),
        ({"name": "<b>Mia</b>"}, "bMiab"),
        ({"name": "A" * 50}, "A" * 20),
        ({"name": 7, "given_name": "Mia"}, "Mia"),
    ],
)
def test_a_name_is_taken_from_the_claims(claims: dict[str, Any], name: str) -> None:
    assert called(claims) == name


def test_who_has_no_name_is_an_animal_and_a_long_one_gets_a_number() -> None:
    assert called({"name": "…"}) in animals()
    assert called({}) in animals()
    assert called({"name": "A" * 50}, ["A" * 20]) == "A" * 18 + " 2"


def test_a_class_that_the_teacher_ended_is_over_for_learners(room: Classroom) -> None:
    teacher = visitor_of(TEACHER, room, SECRET)
    visitor_of(MIA, room, SECRET)
    room.end(teacher, teacher.class_id)
    with pytest.raises(ClassOverError):
        visitor_of(MIA, room, SECRET)
    assert visitor_of(TEACHER, room, SECRET) == teacher
    room.go_on(teacher, teacher.class_id, minutes=30)
    assert visitor_of(MIA, room, SECRET).role == "learner"
