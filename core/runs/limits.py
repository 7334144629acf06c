"""What a class allows each of its learners: steps of a run, waiting runs, bytes of uploads, questions a minute.

The teacher sets them; a class for which nobody did has the usual ones. They bind learners alone, and what is over
them is refused with a sentence. What was used stands in the store, so that no other page, browser or server helps.
"""

import time
from dataclasses import asdict, dataclass, fields

from sqlalchemy import Connection, delete, func, insert, select

from core.checks import check_number
from core.errors import UserError, quote
from core.runs.schema import Database
from core.runs.tables import limits, steering, uses
from core.visitor import OWNER, Visitor

MINUTE_S = 60.0
PAUSED = (
    "Your teacher has paused the class. You can read on; runs and controls wait until it goes on."
)
QUESTION, UPLOAD = "question", "upload"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """For each learner."""

    steps: int = 400
    """Optimizer steps of one run, all its tasks together."""
    waiting_runs: int = 4
    """That wait at the same time."""
    upload_bytes: int = 2_000_000
    """Of all own data sets together."""
    questions_a_minute: int = 20
    """To any model, and looks into its weights."""

    def __post_init__(self) -> None:
        for what, value, most in (
            ("The most steps of a run", self.steps, 100_000),
            ("The most waiting runs", self.waiting_runs, 50),
            ("The most bytes of uploads", self.upload_bytes, 1_000_000_000),
            ("The most questions a minute", self.questions_a_minute, 1_000),
        ):
            check_number(what, value, 1, most, whole=True)

    def check_steps(self, n_steps: int) -> None:
        """`UserError` for a run of more."""
        if n_steps > self.steps:
            raise UserError(
                f"A run in this class may take at most {self.steps:,} steps, and this one would take "
                f"{n_steps:,}. Choose fewer steps."
            )


def too_many_waiting(n_waiting: int) -> UserError:
    runs = "1 run is" if n_waiting == 1 else f"{n_waiting} of your runs are"
    return UserError(
        f"{runs} waiting, and this class allows no more. Stop one, or wait until one has begun."
    )


class ClassLimits:
    """The limits of classes, and what a visitor used of them; each method is one transaction."""

    def __init__(self, database: Database, visitor: Visitor = OWNER) -> None:
        self._database = database
        self._visitor = visitor

    def of(self, class_id: str) -> Limits:
        """`UserError` for one who is in another class."""
        self._check_class(class_id)
        with self._database.transaction() as connection:
            return _limits(connection, class_id)

    def put(self, class_id: str, wanted: Limits) -> None:
        """In the place of those before; for the teacher and the owner."""
        self._check_class(class_id)
        if self._visitor.role == "learner":
            raise UserError("Only the teacher can set what the class allows.")
        with self._database.transaction(alone=True) as connection:
            connection.execute(delete(limits).where(limits.c.class_id == class_id))
            connection.execute(insert(limits).values(class_id=class_id, **asdict(wanted)))

    def check_not_paused(self) -> None:
        """Before a learner starts something: `UserError` while the teacher has paused the class."""
        if self._visitor.role != "learner":
            return
        mine = steering.c.class_id == self._visitor.class_id
        if any(
            row.is_frozen for row in self._database.rows(select(steering.c.is_frozen).where(mine))
        ):
            raise UserError(PAUSED)

    def count_question(self) -> None:
        """They ask a question: `UserError` where it is one too many in this minute."""
        if self._visitor.role != "learner":
            return
        self.check_not_paused()
        now = time.time()
        mine = (uses.c.space == self._visitor.space) & (uses.c.kind == QUESTION)
        with self._database.transaction(alone=True) as connection:
            connection.execute(delete(uses).where(mine, uses.c.at <= now - MINUTE_S))
            allowed = _limits(connection, self._visitor.class_id).questions_a_minute
            asked = select(func.count()).select_from(uses).where(mine)
            if connection.execute(asked).scalar_one() >= allowed:
                questions = "one question" if allowed == 1 else f"{allowed:,} questions"
                raise UserError(
                    f"This class allows {questions} a minute, and you have asked as many. "
                    "Wait a moment, then ask again."
                )
            self._use(connection, QUESTION)

    def check_upload(self, n_bytes: int) -> None:
        """`UserError` where they may not bring so much more: to be asked before it is kept."""
        if self._visitor.role == "learner":
            with self._database.transaction() as connection:
                self._check_upload(connection, n_bytes)

    def count_upload(self, address: str, n_bytes: int) -> None:
        """They brought a data set, which is theirs from now on; the same one counts once."""
        if self._visitor.role != "learner":
            return
        with self._database.transaction(alone=True) as connection:
            if address not in self._uploads(connection):
                self._check_upload(connection, n_bytes)
                self._use(connection, UPLOAD, name=address, amount=n_bytes)

    def check_dataset(self, address: str) -> None:
        """`UserError` for a data set that another learner brought, and they did not."""
        if not address or self._visitor.role != "learner":
            return
        brought = select(uses.c.space).where(uses.c.kind == UPLOAD, uses.c.name == address)
        spaces = {row.space for row in self._database.rows(brought)}
        if spaces and self._visitor.space not in spaces:
            raise UserError(f"The data set {quote(address)} is not among yours; upload it again.")

    def _check_class(self, class_id: str) -> None:
        if self._visitor.role != "owner" and class_id != self._visitor.class_id:
            raise UserError("These are the limits of another class.")

    def _check_upload(self, connection: Connection, n_bytes: int) -> None:
        used = sum(self._uploads(connection).values())
        allowed = _limits(connection, self._visitor.class_id).upload_bytes
        if used + n_bytes > allowed:
            before = f" besides the {_megabytes(used)} that you have brought" if used else ""
            raise UserError(
                f"This class allows each learner {_megabytes(allowed)} of own data, and this has "
                f"{_megabytes(n_bytes)}{before}. Take a smaller part of it."
            )

    def _uploads(self, connection: Connection) -> dict[str, int]:
        """Bytes of each data set that they brought, by its address."""
        mine = select(uses).where(uses.c.space == self._visitor.space, uses.c.kind == UPLOAD)
        return {row.name: row.amount for row in connection.execute(mine)}

    def _use(self, connection: Connection, kind: str, *, name: str = "", amount: int = 1) -> None:
        row = {"space": self._visitor.space, "kind": kind, "name": name, "amount": amount}
        connection.execute(insert(uses).values(**row, at=time.time()))


def _limits(connection: Connection, class_id: str) -> Limits:
    row = connection.execute(select(limits).where(limits.c.class_id == class_id)).first()
    return Limits(**{f.name: getattr(row, f.name) for f in fields(Limits)} if row else {})


def _megabytes(n_bytes: int) -> str:
    """Rounded up, so that what is too much never reads as allowed."""
    return f"{-(-n_bytes // 100_000) / 10:,.1f} MB"
