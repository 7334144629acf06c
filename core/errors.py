"""The one exception that carries a sentence for a person.

Raise `UserError` where input meets the program (config, upload, URL, command line, disk, network).
Pages show its text as it is; the command line prints it and exits with status 2. Anything else that
escapes is a bug and keeps its traceback.

What a sentence repeats of the input goes through `quote` or `shortened`, so that a mistyped address or a
pasted book does not fill the screen.
"""

LONGEST_QUOTE = 100
"""Characters of the input in a sentence."""


class UserError(ValueError):
    """Something the user gave or the machine lacks; the message says what is wrong and what to do."""


class Stopped(Exception):  # noqa: N818 - not an error
    """The user asked a long action to stop; not an error."""

    partial: object = None
    """What the action had made until then, where that is of use."""


def quote(value: object) -> str:
    """What was given, as Python would write it; the beginning of what is long.

    >>> quote("poetry")
    "'poetry'"
    """
    if isinstance(value, str):
        return repr(shortened(value))
    try:
        return shortened(repr(value))
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"


def shortened(text: object) -> str:
    """A text such as a file's name; the beginning of a long one."""
    whole = str(text)
    return whole if len(whole) <= LONGEST_QUOTE else whole[: LONGEST_QUOTE - 1] + "…"
