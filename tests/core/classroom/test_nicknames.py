"""Nicknames: letters of any script; no markup, nothing endless, nothing empty."""

import pytest

from core.classroom.nicknames import LONGEST, animal, animals, nickname, same_name
from core.errors import UserError


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  Mia \t B. ", "Mia B."),
        ("Zoë", "Zoë"),
        ("Zoe\u0308", "Zoë"),
        ("अनिता", "अनिता"),
        ("李雷 2", "李雷 2"),
        ("O’Neil-Smith", "O’Neil-Smith"),
        ("x" * LONGEST, "x" * LONGEST),
    ],
)
def test_a_name_is_kept_as_it_reads(text: str, kept: str) -> None:
    assert nickname(text) == kept


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs a letter"),
        (" .-' ", "needs a letter"),
        ("x" * (LONGEST + 1), f"at most {LONGEST} characters"),
        ("x" * 1_000_000, f"at most {LONGEST} characters"),
        ("<b>Mia</b>", "only letters"),
        ("[Mia](x)", "only letters"),
        ("**Mia**", "only letters"),
        ("Mia & Co", "only letters"),
        ("Mia\u202eevil", "only letters"),
        ("Mia 🎼", "only letters"),
        ("Mia\0", "no text"),
        ("\ud800", "no text"),
    ],
)
def test_what_is_no_name_is_one_sentence(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        nickname(text)
    assert len(str(caught.value)) < 200


def test_animals_are_names_and_each_is_given_once() -> None:
    assert all(nickname(name) == name for name in animals())
    assert len({same_name(name) for name in animals()}) == len(animals()) > 60
    given: list[str] = []
    for _ in range(len(animals()) + 2):
        given.append(animal(given))
    assert len(set(given)) == len(given)
    assert all(name.endswith(" 2") for name in given[-2:])
