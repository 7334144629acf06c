"""The classroom of this computer: classes, learners and tickets in the database of the runs.

    room = Classroom()
    school_class, secret = room.classes.begin(name="8b", minutes=90)
    cookie = room.enter(school_class.code, "Mia")
    room.tickets.visitor(cookie)                 # Visitor(space="…", role="learner", …)
    room.tickets.visitor(room.teach(secret))     # Visitor(…, role="teacher", …)

Of what proves who somebody is, only hashes are kept (`core/classroom/tickets.py`).
"""

import os

from core.classroom.classes import Classes, SchoolClass
from core.classroom.codes import WORD_LENGTH, typed
from core.classroom.guesses import Guesses
from core.classroom.learners import Learner, Learners
from core.classroom.presence import Presence
from core.classroom.rights import check_teacher
from core.classroom.short_links import ShortLinks
from core.classroom.steering import Steering
from core.classroom.tickets import Tickets
from core.errors import UserError
from core.runs.schema import Database
from core.visitor import Visitor

SERVER = "TUNING_FORK_CLASSROOM"
"""Set to 1, a server lets in who belongs to a class, and nobody else."""


def is_classroom() -> bool:
    """Whether this server belongs to a class; else whoever reaches it is the person at this computer."""
    return os.environ.get(SERVER) == "1"


class Classroom:
    """Safe to share between threads; each process makes its own.

    Every method raises `UserError` when the database is full, locked for too long or damaged.
    """

    def __init__(self, url: str | None = None) -> None:
        """Open `url`, else `DATABASE_URL`, else the SQLite file in the data folder."""
        self.database = Database(url or os.environ.get("DATABASE_URL", ""))
        self.classes = Classes(self.database)
        self.learners = Learners(self.database)
        self.tickets = Tickets(self.database)
        self.presence = Presence(self.database)
        self.guesses = Guesses(self.database)
        self.steering = Steering(self.database)
        self.short_links = ShortLinks(self.database)

    def enter(self, code: str, name: str = "") -> str:
        """The cookie of a new learner, or of one who has a one-time word.

        Raises `UserError` for a wrong code, a class that is over or full, and a nickname that will not do.
        """
        if len(typed(code)) == WORD_LENGTH:
            return self.tickets.use_word(code)
        school_class = self.classes.open_with(code)
        learner = self.learners.join(school_class.id, name)
        return self.tickets.cookie(school_class.id, learner.space)

    def teach(self, secret: str) -> str:
        """The cookie of a class's teacher. Raises `UserError` for a wrong secret."""
        return self.tickets.cookie(self.classes.of_secret(secret).id)

    def the_open_one(self) -> SchoolClass:
        """The newest class that is open. Raises `UserError` where none is."""
        found = next((one for one in self.classes.all() if not one.is_over), None)
        if found is None:
            raise UserError("No class is open.")
        return found

    # What only the teacher of a class may do, and the person at this computer

    def members(self, who: Visitor, class_id: str) -> list[Learner]:
        """The learners of a class, in the order in which they came."""
        check_teacher(who, class_id)
        return self.learners.of(class_id)

    def end(self, who: Visitor, class_id: str) -> None:
        """End a class now: its learners see no page any more, and nothing is lost."""
        check_teacher(who, class_id)
        self.classes.end(class_id)

    def go_on(self, who: Visitor, class_id: str, *, minutes: float) -> None:
        """Have a class end so many minutes from now, also one that was over."""
        check_teacher(who, class_id)
        self.classes.go_on(class_id, minutes=minutes)

    def let_in_again(self, who: Visitor, space: str) -> str:
        """A one-time word for a learner whose cookie was lost."""
        learner = self.learners.get(space)
        check_teacher(who, learner.class_id)
        return self.tickets.word(learner.class_id, space)
