"""What learners are called in a class: a nickname of their own, or the name of an animal."""

import secrets
import unicodedata
from collections.abc import Collection

from core.checks import check_text
from core.errors import UserError, quote

LONGEST = 20
SIGNS = " -'’."
ANIMALS = tuple(
    (
        "Badger Beaver Bison Camel Cheetah Cricket Crane Dolphin Eagle Falcon Ferret Finch Fox Gazelle Gecko Gibbon "
        "Hamster Hare Hedgehog Heron Ibex Jaguar Kestrel Kingfisher Koala Lark Lemur Leopard Lynx Magpie Marmot "
        "Marten Mole Moose Newt Ocelot Orca Osprey Otter Owl Panda Panther Pelican Penguin Puffin Quail Rabbit "
        "Raven Robin Salmon Seal Sparrow Squirrel Starling Stork Swan Swift Tiger Toucan Turtle Walrus Weasel "
        "Whale Wombat Wren Yak Zebra"
    ).split()
)


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
    round_ = 1
    while True:
        names = [one if round_ == 1 else f"{one} {round_}" for one in ANIMALS]
        if free := [name for name in names if same_name(name) not in known]:
            return secrets.choice(free)
        round_ += 1
