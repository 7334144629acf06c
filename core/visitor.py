"""Who asks: the person at this computer, a learner of a class, or its teacher.

Plain data that the store's rights, the classroom and the pages share. `core/classroom/classes.py` makes those of a
class; whoever names none is `OWNER`, as the command line does.
"""

from dataclasses import dataclass
from typing import Literal

Role = Literal["owner", "learner", "teacher"]


@dataclass(frozen=True)
class Visitor:
    """One who asks for a page or an operation."""

    space: str
    """Whose runs, uploads, guesses and progress are theirs; "" for the owner. Unguessable for all others."""
    role: Role
    class_id: str = ""
    """The class that a learner or a teacher belongs to."""
    name: str = ""
    """A learner's nickname."""


OWNER = Visitor("", "owner")
"""The person at this computer without a class: may do everything."""
