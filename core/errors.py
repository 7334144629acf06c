"""The one exception that carries a sentence for a person.

Raise `UserError` where input meets the program (config, upload, URL, command line, disk, network).
Pages show its text as it is; the command line prints it and exits with status 2. Anything else that
escapes is a bug and keeps its traceback.
"""


class UserError(ValueError):
    """Something the user gave or the machine lacks; the message says what is wrong and what to do."""


class Stopped(Exception):  # noqa: N818 - not an error
    """The user asked a long action to stop; not an error."""

    partial: object = None
    """What the action had made until then, where that is of use."""
