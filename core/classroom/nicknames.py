"""What learners are called in a class: a nickname of their own, or the name of an animal."""

import itertools
import secrets
import unicodedata
from collections.abc import Collection
from functools import cache

from core.checks import check_text
from core.errors import UserError, quote
from core.paths import ASSETS

LONGEST = 20
SIGNS = " -'’."


def nickname(text: str) -> str:
    """A nickname as it is kept. Raises `UserError` for one that is empty, too long, or holds other signs.

    Letters of any script, with their marks, digits, and a few signs between them.
    """
    check_text("A nickname", text)
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not any(sign.isalnum() for sign in name):
        raise UserError("A nickname needs a letter or a digit.")
    if len(name) > LONGEST:
        raise UserError(f"A nickname has at most {LONGEST} characters; this one has {len(name)}.")
    wrong = next(
        (s for s in name if s not in SIGNS and unicodedata.category(s)[0] not in "LMN"), ""
    )
    if wrong:
        raise UserError(
            f"A nickname has only letters, digits, spaces, hyphens, apostrophes and dots, not {quote(wrong)}."
        )
    return name


def same_name(name: str) -> str:
    """Equal for names that a class could not tell apart."""
    return unicodedata.normalize("NFKC", name).casefold()


def animal(taken: Collection[str]) -> str:
    """An animal that nobody in the class is called yet; with a number once all are taken."""
    known = {same_name(name) for name in taken}
    for n in itertools.count(1):
        names = [one if n == 1 else f"{one} {n}" for one in animals()]
        if free := [name for name in names if same_name(name) not in known]:
            return secrets.choice(free)
    raise AssertionError("numbers do not end")


@cache
def animals() -> list[str]:
    return (ASSETS / "classroom" / "animals.txt").read_text("utf-8").split()
