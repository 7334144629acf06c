"""What a sentence repeats of the input: at most a hundred characters, in one line."""

import pytest

from core.checks import check_choice, check_number, check_text
from core.errors import LONGEST_QUOTE, UserError, quote, shortened


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("poetry", "'poetry'"),
        (1.5, "1.5"),
        ("a\nb", r"'a\nb'"),
        ("\ud800", r"'\ud800'"),
        (10**5_000, "a number of thousands of digits"),
        ([10**5_000], "a number of thousands of digits"),
    ],
    ids=["text", "number", "line break", "surrogate", "many digits", "many digits in a list"],
)
def test_what_was_given_is_quoted(value: object, shown: str) -> None:
    assert quote(value) == shown


@pytest.mark.parametrize(
    "value", ["x" * 100_000, ["x"] * 9_999, 10**4_000, {"a": "y" * 999}], ids=type
)
def test_of_what_is_long_the_beginning_is_quoted(value: object) -> None:
    assert len(quote(value)) <= LONGEST_QUOTE + 2
    assert quote(value).rstrip("'").endswith("…")


def test_a_name_is_shown_in_one_line_that_can_be_printed() -> None:
    assert shortened("data/pairs.csv") == "data/pairs.csv"
    assert shortened("Köln 東京") == "Köln 東京"
    assert shortened("a\nb\ud800\u202e") == r"a\nb\ud800\u202e"
    assert shortened("x" * 101) == "x" * 99 + "…"


def test_checks_quote_briefly() -> None:
    for check in (
        lambda: check_choice("The task", "x" * 9_999, ("a", "b")),
        lambda: check_number("steps", 10**5_000, 1, 500, whole=True),
        lambda: check_number("steps", "9" * 9_999, 1, 500),
        lambda: check_text("template", ["x"] * 9_999),
    ):
        with pytest.raises(UserError) as error:
            check()
        assert len(str(error.value)) < 250
