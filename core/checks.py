"""Checks of what a reader gives, each with a sentence a student understands."""

from collections.abc import Collection
from typing import Any

from core.errors import UserError, quote


def check_type(name: str, value: Any, kind: type, words: str) -> None:
    """Raise `UserError` unless `value` is a `kind`, in `words` a reader knows."""
    if not isinstance(value, kind):
        raise UserError(f"{name} must be {words}; got {quote(value)}.")


def check_number(
    name: str, value: Any, low: float, high: float, *, whole: bool = False, above: bool = False
) -> None:
    """Raise `UserError` unless `value` is a finite number in [low, high] (in ]low, high] if `above`)."""
    kind = "a whole number" if whole else "a number"
    limits = f"above {low:g} and at most {high:g}" if above else f"from {low:g} to {high:g}"
    wanted = f"{name} must be {kind} {limits}; got {quote(value)}."
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise UserError(wanted)
    if not low <= value <= high or (above and value == low):  # NaN is in no range
        raise UserError(wanted)


def check_text(name: str, value: Any) -> None:
    """Raise `UserError` unless `value` is a text that files and commands can carry."""
    check_type(name, value, str, "a text")
    for sign in value:
        if sign == "\0" or "\ud800" <= sign <= "\udfff":
            raise UserError(
                f"{name} holds the character {quote(sign)}, which is no text; take it out."
            )


def check_choice(name: str, value: Any, choices: Collection[str]) -> None:
    if value not in tuple(choices):
        known = ", ".join(filter(None, choices))
        raise UserError(f"{name} {quote(value)} is not known; choose one of: {known}.")
