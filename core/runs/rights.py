"""What a learner or a teacher may do with runs: the store as it is for them.

    store = store_for(visitor, everything)
    store.runs()             # a learner's own; a teacher's: all of the class
    store.delete(run_id)     # lets go of it; the run itself goes with the last who holds it

    what                     learner                      teacher                   owner
    see, ask, export         runs that they hold          all of the class          all
    name, tag, note          their own words on these     their own words           likewise
    go on with a stopped one runs that they hold          all of the class          all
    stop, delete             let go; the last ends it     for the whole class       for everybody
    hide                     no                           runs of the class         all
    carry out, end           no                           no                        yes

Everything is refused that is not written down in `VisitorStore`: an operation that `RunStore` gets one day is one
that visitors do not have until somebody says here what it means for them. A run that is not theirs is one that does
not exist, in the same words.
"""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, NoReturn

from core.config import RunConfig
from core.errors import UserError, quote
from core.events import Event
from core.runs import holdings
from core.runs.duration import n_steps
from core.runs.holdings import Holding
from core.runs.limits import ClassLimits
from core.runs.marks import Marks
from core.runs.messages import Request
from core.runs.record import Run
from core.runs.states import ACTIVE
from core.runs.store import RunStore
from core.runs.tables import holdings as held
from core.runs.tables import marks
from core.visitor import Visitor

RUN_FIELDS = ("run", "pairs_of", "adapters", "active", "start_from")
"""Of requests (core/runs/messages.py): what names runs."""
DATASET_FIELDS = ("dataset",)
"""And what names data sets that somebody brought."""


class NotAllowedError(UserError):
    """What nobody but the owner may do."""


def store_for(visitor: Visitor, everything: RunStore) -> RunStore:
    """The store with the rights of `visitor`: the whole one for the owner alone.

    `ValueError` for one who is nobody, and where `everything` is what another visitor has.
    """
    if isinstance(everything, VisitorStore):
        if everything.visitor != visitor:
            raise ValueError("Of one visitor's store no other one can be made.")
        return everything
    if visitor.role == "owner":
        return everything
    return VisitorStore(everything, visitor)


class VisitorStore(RunStore):
    """The runs of a learner or of a class, and what may be done with them. `ValueError` for who is nobody."""

    def __init__(self, everything: RunStore, visitor: Visitor) -> None:
        # Not RunStore's own: it opens no database and ends no runs.
        self._everything = everything
        self._database = everything._database
        self._scope = holdings.is_held(visitor)
        self.visitor = visitor
        seen = marks.c.space == visitor.space
        if visitor.role == "teacher":
            of_class = (held.c.run_id == marks.c.run_id) & (held.c.space == marks.c.space)
            seen |= holdings.exists(of_class, visitor)
        self.marks = Marks(self._database, space=visitor.space, seen=seen, check=self._check)
        self.limits = ClassLimits(self._database, visitor)

    # What is looked up within their own runs

    get = RunStore.get
    runs = RunStore.runs
    active = RunStore.active
    finished = RunStore.finished
    find_finished = RunStore.find_finished
    find_active = RunStore.find_active
    n_active = RunStore.n_active

    def holdings(self) -> list[Holding]:
        return holdings.read(self._database, holdings.of(self.visitor))

    # What is done with one of them

    def stop_requested(self, run_id: str) -> bool:
        self._check(run_id)
        return self._everything.stop_requested(run_id)

    def messages(self, run_id: str, *, after: int = 0) -> list[dict[str, Any]]:
        self._check(run_id)
        return self._everything.messages(run_id, after=after)

    def events(self, run_id: str, *, after: int | None = None) -> list[Event]:
        self._check(run_id)
        return self._everything.events(run_id, after=after)

    def queue_position(self, run_id: str) -> int:
        self._check(run_id)
        return self._everything.queue_position(run_id)

    def artifact_dir(self, run_id: str) -> Path:
        self._check(run_id)
        return self._everything.artifact_dir(run_id)

    def size_bytes(self, run_id: str) -> int:
        self._check(run_id)
        return self._everything.size_bytes(run_id)

    def submit(
        self, config: RunConfig, *, visitor: Visitor | None = None, most_waiting: int | None = None
    ) -> Run:
        """In their own name, whoever is named, and within the limits of the class."""
        del visitor, most_waiting
        most = self._most_waiting(config)
        return self._everything.submit(config, visitor=self.visitor, most_waiting=most)

    def resume(
        self,
        run_id: str,
        *,
        visitor: Visitor | None = None,
        most_waiting: int | None = None,
        worker: str = "",
    ) -> Run:
        """One of theirs, as `submit` queues a new one: they carry nothing out themselves."""
        del visitor, most_waiting, worker
        self._check(run_id)
        most = self._most_waiting(self.get(run_id).config)
        return self._everything.resume(run_id, visitor=self.visitor, most_waiting=most)

    def request_stop(self, run_id: str) -> bool:
        """Stop it; where others hold it, it goes on without them. Whether it ends."""
        self._check(run_id)
        with self._database.transaction(alone=True) as connection:
            if holdings.is_held_by_others(connection, run_id, self.visitor):
                if self._status(connection, run_id) in ACTIVE:
                    holdings.let_go(connection, run_id, self.visitor)
                    return False
            else:
                self._ask_to_stop(connection, run_id)
        return True

    def delete(self, run_id: str) -> bool:
        """Let go of it, and remove it where nobody else holds it. Whether it is gone."""
        self._check(run_id)
        with self._database.transaction(alone=True) as connection:
            if holdings.is_held_by_others(connection, run_id, self.visitor):
                holdings.let_go(connection, run_id, self.visitor)
                return False
            self._check_over(run_id, self._status(connection, run_id))
            self._remove(connection, run_id)
        self._everything._forget(run_id)
        return True

    def hide(self, run_id: str, *, hidden: bool = True) -> None:
        """For the teacher: take it out of what the class sees, or put it back."""
        if self.visitor.role != "teacher":
            raise NotAllowedError("Only the teacher can hide a run.")
        self._check(run_id)
        with self._database.transaction(alone=True) as connection:
            holdings.hide(connection, run_id, holdings.of(self.visitor), hidden=hidden)

    # Shared steps

    def _most_waiting(self, config: RunConfig) -> int | None:
        """How many runs may wait, of a class that allows one of `config`; None: as many as the queue takes."""
        self.limits.check_not_paused()
        self.limits.check_dataset(config.data.dataset)
        if config.start_from:
            self._check(config.start_from)
        if self.visitor.role != "learner":
            return None
        allowed = self.limits.of(self.visitor.class_id)
        allowed.check_steps(n_steps(config))
        return allowed.waiting_runs

    def _check(self, run_id: str) -> None:
        """`UserError` for a run that is not theirs."""
        self._column("id", run_id)

    def _unknown(self, run_id: str) -> UserError:
        return UserError(f"There is no run {quote(run_id)} among yours; it may have been deleted.")


def _refused(operation: str) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise NotAllowedError(f"Only the owner of this machine may do this ({operation}).")

    return refuse


for _name in dir(RunStore):
    is_operation = callable(getattr(RunStore, _name)) and not _name.startswith("_")
    if is_operation and _name not in vars(VisitorStore):
        setattr(VisitorStore, _name, _refused(_name))


def check_request(request: Request[Any], store: RunStore) -> None:
    """`UserError` for a question to a run, or on data, that is not of the store's visitor."""
    for field, name in _names_in(request):
        if field in RUN_FIELDS:
            store.get(name)
        else:
            store.limits.check_dataset(name)


def _names_in(value: object, field: str = "") -> Iterator[tuple[str, str]]:
    """The runs and data sets that a request names, wherever in it, each with the name of its field."""
    if is_dataclass(value):
        for one in fields(value):
            yield from _names_in(getattr(value, one.name), one.name)
    elif isinstance(value, str):
        if value and field in (*RUN_FIELDS, *DATASET_FIELDS):
            yield field, value
    elif isinstance(value, (tuple, list, dict)):
        for one in value:
            yield from _names_in(one, field)
