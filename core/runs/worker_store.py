"""The run store as a worker has it: it writes to its own runs alone, and loses nothing while the database is away.

A database of its own server (PostgreSQL) may be restarted, or the network to it fail, during a run. The run goes on:
its events are kept in memory and in a file of the data folder (core/runs/unrecorded.py), and recorded in their order
as soon as the database answers, before the run's end and before the next run. Trouble of another kind,
such as a full disk, ends the run as it does in `RunStore`.

A run that was given to another worker, since this one's machine seemed lost, takes nothing more from this one.
"""

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, insert, select, update

from core.errors import UserError
from core.events import Event
from core.runs.backoff import Backoff
from core.runs.endings import Ending
from core.runs.record import unknown_run
from core.runs.schema import LostConnectionError, StoreError
from core.runs.states import ACTIVE, IllegalTransition, RunStatus
from core.runs.store import Run, RunStore
from core.runs.tables import events, runs
from core.runs.unrecorded import Unrecorded, forget, keep, left_behind
from core.typed_json import strict_json

log = logging.getLogger(__name__)
NEW = 0
"""Number of an event that nobody tried to record before, or whose number is not known."""


class WorkerStore(RunStore):
    """Safe to share between the threads of its process."""

    def __init__(self, url: str | None = None, *, worker: str) -> None:
        """Open the store, and record what workers of this data folder kept and could not record any more."""
        super().__init__(url)
        self._me = worker
        self._writing = threading.RLock()
        self._kept: list[Unrecorded] = []
        self._numbers: dict[str, int] = {}
        """How many events each of our runs has, with those that are kept."""
        self._identities: dict[str, str] = {}
        self._pause = Backoff(first_s=0.5, most_s=5)
        self._away_until = 0.0
        for run_id, kept in left_behind().items():
            with suppress(StoreError):
                self._record(run_id, kept)

    def claim(self, *, worker: str = "") -> Run | None:
        """As in `RunStore`, for this worker; what is kept is recorded before."""
        self._record_kept()
        run = super().claim(worker=worker or self._me)
        if run:
            self._numbers = {}
            with suppress(UserError):  # else the first event finds it out
                self._numbers[run.id] = self._column("n_events", run.id)
        return run

    def identify(self, run_id: str, identity: str) -> None:
        try:
            super().identify(run_id, identity)
        except LostConnectionError:
            self._identities[run_id] = identity

    def append(self, run_id: str, event: Event) -> int:
        """Record an event of our run, or keep it while the database is away; returns its seq, 0 where unknown.

        `IllegalTransition` once the run is another worker's.
        """
        with self._writing:
            known = self._numbers.get(run_id)
            number = NEW if known is None else known + 1
            new = Unrecorded(
                worker=self._me,
                number=number,
                at=time.time(),
                message=strict_json(event.to_dict()),
                run=run_id,
            )
            try:
                if not self._is_away():
                    self._record_kept()
                    return self._write(run_id, [replace(new, number=NEW)])
            except LostConnectionError as error:
                self._went_away(error)
            self._kept.append(new)
            keep(new)
            if number:
                self._numbers[run_id] = number
            return number

    def heartbeat(self, run_id: str) -> bool:
        with self._writing:
            if self._kept:
                self._record_kept()
        mine = update(runs).where(
            runs.c.id == run_id, runs.c.status.in_(ACTIVE), runs.c.worker == self._me
        )
        with self._database.transaction() as connection:
            return bool(connection.execute(mine.values(heartbeat_at=time.time())).rowcount)

    def stop_requested(self, run_id: str) -> bool:
        """False while nobody can know."""
        if self._is_away():
            return False
        try:
            return super().stop_requested(run_id)
        except LostConnectionError as error:
            self._went_away(error)
            return False

    def _end(
        self, run_id: str, status: RunStatus, *, reason: str = "", summary: Any = None
    ) -> None:
        with suppress(StoreError):  # then the ending is kept, too, and the events go first
            self._record_kept()
        ending = Ending(status=status, ended_at=time.time(), reason=reason, summary=summary or {})
        if not self._healer.end(run_id, replace(ending, by=self._me)):
            raise IllegalTransition(self._column("status", run_id), status)

    # The database comes and goes

    def _is_away(self) -> bool:
        """It has just not answered, and is not asked again yet: each try may take seconds of training."""
        return time.monotonic() < self._away_until

    def _went_away(self, error: LostConnectionError) -> None:
        log.warning("what happens is kept until it can be recorded: %s", error)
        self._away_until = time.monotonic() + self._pause.failed()

    def _record_kept(self) -> None:
        """`LostConnectionError` while the database does not answer."""
        with self._writing:
            while self._kept:
                run_id = self._kept[0].run
                mine = [one for one in self._kept if one.run == run_id]
                self._record(run_id, mine)
                self._kept = [one for one in self._kept if one.run != run_id]
            self._pause.worked()

    def _record(self, run_id: str, kept: Sequence[Unrecorded]) -> None:
        try:
            self._write(run_id, kept)
        except StoreError:
            raise
        except (UserError, IllegalTransition) as error:  # deleted, or another worker's by now
            log.warning("%d events of the run %s are not recorded: %s", len(kept), run_id, error)
        forget(run_id)

    def _write(self, run_id: str, kept: Sequence[Unrecorded]) -> int:
        """Record events, all or none, but those that are recorded already: a connection may be lost
        just after that. Returns how many events the run has then."""
        now, more = time.time(), dict[str, object]()
        if run_id in self._identities:
            more["version"] = self._identities[run_id]
        mine = update(runs).where(runs.c.id == run_id, runs.c.worker == kept[0].worker)
        with self._database.transaction() as connection:
            n = connection.scalar(mine.values(heartbeat_at=now, **more).returning(runs.c.n_events))
            if n is None:
                raise _refusal(run_id, connection.scalar(_status_of(run_id)))
            new = [one for one in kept if one.number == NEW or one.number > n]
            rows = [
                {
                    "run_id": run_id,
                    "seq": seq,
                    "at": one.at,
                    "type": one.message["type"],
                    "payload": one.message,
                }
                for seq, one in enumerate(new, start=n + 1)
            ]
            if rows:
                connection.execute(insert(events), rows)
                connection.execute(mine.values(n_events=n + len(rows)))
        self._identities.pop(run_id, None)
        self._numbers[run_id] = n + len(rows)
        return n + len(rows)


def _status_of(run_id: str) -> Select[str]:
    return select(runs.c.status).where(runs.c.id == run_id)


def _refusal(run_id: str, status: str | None) -> Exception:
    if status is None:
        return unknown_run(run_id)
    return IllegalTransition(f"{status} for another worker", RunStatus.RUNNING)
