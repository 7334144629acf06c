"""People who log in with an account (OpenID Connect) instead of a class code: all of one class, the server's.

What the provider says of a person are claims, as `st.user` gives them. Space and class follow from them and a
secret of the server, so nobody can guess them, and the same person finds the same space on every machine.

    visitor_of({"iss": "https://login.school", "sub": "17", "name": "Mia", "roles": ["teacher"]}, room, secret)
"""

import hashlib
import hmac
import os
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from core.classroom.classes import OVER, ClassOverError, SchoolClass
from core.classroom.classroom import Classroom
from core.classroom.codes import SECRET_LENGTH, hash_of_secret, new_code
from core.classroom.nicknames import LONGEST, SIGNS, animal, nickname, same_name
from core.errors import UserError, quote
from core.runs.tables import classes, learners
from core.visitor import Visitor

TEACHER = "TUNING_FORK_TEACHER_CLAIM"
"""Names the claim that makes a teacher, and its value: "roles=teacher", or "realm_access.roles=teacher"."""
NAME = "All who log in"
NAME_CLAIMS = ("preferred_username", "given_name", "name")
YEARS_S = 10 * 365 * 24 * 3600.0
"""The class of an open server has no end of its own; a teacher can end it."""


def visitor_of(claims: Mapping[str, Any], room: Classroom, secret: str) -> Visitor:
    """Who has logged in. `UserError` for claims that name nobody, `ClassOverError` for a learner once the
    teacher has ended the class, `ValueError` without the server's secret."""
    if not secret:
        raise ValueError("a space can be guessed where there is no secret")
    class_id = _derived(secret, "class")
    space = _derived(secret, "person", *_who(claims))
    school_class = _class_of(room, class_id)
    if is_teacher(claims):
        return Visitor(class_id, "teacher", class_id)
    if school_class.is_over:
        raise ClassOverError(OVER)
    return Visitor(space, "learner", class_id, _name_of(room, class_id, space, claims))


def is_teacher(claims: Mapping[str, Any]) -> bool:
    """Whether the claim that `TUNING_FORK_TEACHER_CLAIM` names has that value, alone or among others. `UserError`
    where the variable names none."""
    wanted = os.environ.get(TEACHER, "").strip()
    if not wanted:
        return False
    name, sign, value = wanted.partition("=")
    if not (name.strip() and sign and value.strip()):
        raise UserError(
            f"{TEACHER} must name a claim and its value, such as roles=teacher; got {quote(wanted)}."
        )
    found: Any = claims
    for part in name.strip().split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    values = found if isinstance(found, (list, tuple, set)) else [found]
    return any(one is not None and _text(one) == value.strip() for one in values)


def _text(value: object) -> str:
    """As it is written in a setting: true and not True."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _who(claims: Mapping[str, Any]) -> tuple[str, str]:
    """Issuer and subject: together they name one person for ever, which an e-mail address does not."""
    issuer, subject = claims.get("iss"), claims.get("sub")
    if not (isinstance(issuer, str) and isinstance(subject, str) and issuer and subject):
        raise UserError("Your account could not be recognised. Log out, and log in again.")
    return issuer, subject


def _derived(secret: str, *about: str) -> str:
    """32 hex digits; different for different texts, however they are divided."""
    said = "\n".join(f"{len(text)} {text}" for text in about)
    return hmac.new(secret.encode(), said.encode(), hashlib.sha256).hexdigest()[:32]


def _class_of(room: Classroom, class_id: str) -> SchoolClass:
    with suppress(UserError):
        return room.classes.get(class_id)
    now = time.time()
    row = {
        "id": class_id,
        "name": NAME,
        "code": new_code(SECRET_LENGTH),  # nobody is told: who logs in needs none
        "secret_hash": hash_of_secret(new_code(SECRET_LENGTH)),
        "address": "",
        "began_at": now,
        "ends_at": now + YEARS_S,
        "ended_at": None,
    }
    with suppress(IntegrityError), room.database.transaction() as connection:  # another was faster
        connection.execute(insert(classes).values(row))
    return room.classes.get(class_id)


def _name_of(room: Classroom, class_id: str, space: str, claims: Mapping[str, Any]) -> str:
    """A learner keeps the name of the first visit."""
    while True:
        with suppress(UserError):
            return room.learners.get(space).name
        taken = [one.name for one in room.learners.of(class_id)]
        name = called(claims, taken)
        row = {
            "space": space,
            "class_id": class_id,
            "name": name,
            "name_key": same_name(name),
            "joined_at": time.time(),
        }
        with suppress(IntegrityError), room.database.transaction() as connection:
            connection.execute(insert(learners).values(row))


def called(claims: Mapping[str, Any], taken: Collection[str] = ()) -> str:
    """A nickname from the claims that nobody in the class has; an animal's where they hold none."""
    said = next((c for name in NAME_CLAIMS if isinstance(c := claims.get(name), str) and c), "")
    allowed = "".join(s for s in said.partition("@")[0] if s.isalnum() or s in SIGNS)
    name = allowed[:LONGEST].strip()
    known = {same_name(one) for one in taken}
    try:
        name = nickname(name)
    except UserError:
        return animal(taken)
    number = 2
    found = name
    while same_name(found) in known:
        found = f"{name[: LONGEST - len(str(number)) - 1].strip()} {number}"
        number += 1
    return found
