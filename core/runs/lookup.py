"""Looking up what the store has recorded; changes nothing. `core/runs/store.py:RunStore` adds the changes."""

from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, select, true

from core.config import RunConfig
from core.config.run import RUN_ID
from core.errors import UserError, quote
from core.events import Event, event_from_dict
from core.runs import artifacts, attempts, holdings, queue
from core.runs.holdings import Holding
from core.runs.identity import identity_of
from core.runs.record import Run, unknown_run
from core.runs.rows import as_runs, stored_message
from core.runs.schema import Database
from core.runs.states import ACTIVE, RunStatus
from core.runs.tables import events, runs
from core.visitor import OWNER, Visitor

SHORTEST_PREFIX = 4


class RunLookup:
    """What reads runs; each method is one short transaction."""

    _database: Database
    _scope: ColumnElement[bool] = true()
    """Which rows of `runs` are looked at."""

    def get(self, run_id: str) -> Run:
        """The run of an id, or of the beginning of one (4 characters or more) if only one fits."""
        wanted = run_id.strip().lower()
        if not RUN_ID.fullmatch(wanted):
            raise self._unknown(run_id)
        fits = runs.c.id == wanted
        if len(wanted) >= SHORTEST_PREFIX:
            fits |= runs.c.id.startswith(wanted, autoescape=True)
        query = select(runs).where(fits, self._scope).order_by(runs.c.id).limit(2)
        rows = self._database.rows(query)
        if not rows:
            raise self._unknown(run_id)
        if len(rows) > 1 and rows[0].id != wanted:
            raise UserError(f"Several runs begin with {quote(run_id)}; give more of the id.")
        return Run.from_row(rows[0])

    def runs(self, *, limit: int = 200) -> list[Run]:
        """The latest runs, newest first."""
        query = select(runs).where(self._scope).order_by(runs.c.number.desc()).limit(limit)
        return as_runs(self._database.rows(query))

    def active(self) -> list[Run]:
        """The runs that train, oldest first, then those that wait, in the order in which they will be taken."""
        query = select(runs).where(self._scope)
        training = query.where(runs.c.status == RunStatus.RUNNING).order_by(runs.c.number)
        waiting = query.where(runs.c.status == RunStatus.QUEUED).order_by(*queue.ORDER)
        with self._database.transaction() as connection:
            # The queue first: a run that is taken in between is seen twice rather than not at all.
            queued = connection.execute(waiting).all()
            begun = connection.execute(training).all()
        known = {row.id for row in begun}
        return as_runs([*begun, *(row for row in queued if row.id not in known)])

    def active_before_new(self, visitor: Visitor = OWNER) -> list[Run]:
        """Those of `active` that may train before a run that `visitor` queues now."""
        with self._database.transaction() as connection:
            turn = queue.next_turn(connection, visitor.space)
            later = select(runs.c.id).where(runs.c.status == RunStatus.QUEUED, runs.c.turn > turn)
            after = set(connection.scalars(later))
        return [run for run in self.active() if run.id not in after]

    def n_active(self) -> int:
        """How many runs wait or train, whoever holds them."""
        query = select(runs.c.id).where(runs.c.status.in_(ACTIVE))
        return len(self._database.rows(query))

    def queue_position(self, run_id: str) -> int:
        """1 for the run that is taken next; 0 for one that is not queued."""
        query = select(runs.c.id).where(runs.c.status == RunStatus.QUEUED).order_by(*queue.ORDER)
        waiting = [row.id for row in self._database.rows(query)]
        return waiting.index(run_id) + 1 if run_id in waiting else 0

    def find_finished(self, config: RunConfig) -> Run | None:
        """The newest finished run of the same config and identity: code, model, device, precision."""
        query = (
            self._equal_finished(config).where(self._scope).order_by(runs.c.number.desc()).limit(1)
        )
        rows = self._database.rows(query)
        return Run.from_row(rows[0]) if rows else None

    def find_active(self, config: RunConfig) -> Run | None:
        """The run that `submit` would join."""
        rows = self._database.rows(self._equal_active(config).where(self._scope))
        return Run.from_row(rows[0]) if rows else None

    def finished(self, *, limit: int = 50) -> list[Run]:
        """The latest finished runs, newest first."""
        query = select(runs).where(runs.c.status == RunStatus.FINISHED, self._scope)
        query = query.order_by(runs.c.number.desc()).limit(limit)
        return as_runs(self._database.rows(query))

    def stop_requested(self, run_id: str) -> bool:
        """Whether someone asked the run to stop. One indexed read; ask as often as you like."""
        return bool(self._column("stop_requested", run_id))

    def events(self, run_id: str, *, after: int | None = None) -> list[Event]:
        """The events of a run's last attempt, in order (core/runs/attempts.py); with `after`, all that were ever
        recorded but the first `after`."""
        found = [event_from_dict(message) for message in self.messages(run_id, after=after or 0)]
        return attempts.of_last_attempt(found) if after is None else found

    def messages(self, run_id: str, *, after: int = 0) -> list[dict[str, Any]]:
        """The events with seq > `after` as they are stored, each with its "seq" and "at" (a time)."""
        query = (
            select(events.c.payload, events.c.seq, events.c.at)
            .where(events.c.run_id == run_id, events.c.seq > after)
            .order_by(events.c.seq)
        )
        return [
            {**stored_message(row.payload), "seq": row.seq, "at": row.at}
            for row in self._database.rows(query)
        ]

    def artifact_dir(self, run_id: str) -> Path:
        """Where the run's weights lie, or will; not created here. From a storage for all machines they are fetched."""
        return artifacts.fetched(run_id)

    def size_bytes(self, run_id: str) -> int:
        """Disk space of the run's artifacts; 0 when it has none."""
        return artifacts.size_of(run_id)

    def holdings(self) -> list[Holding]:
        """Who holds which run, the oldest first."""
        return holdings.read(self._database)

    def _equal_active(self, config: RunConfig) -> Select[*tuple[Any, ...]]:
        """One that waits has no identity of its own yet; one that is to stop will not be finished."""
        as_here = (runs.c.status == RunStatus.RUNNING) & (runs.c.version == identity_of(config))
        return (
            select(runs)
            .where(runs.c.config_hash == config.hash, runs.c.stop_requested.is_(False))
            .where((runs.c.status == RunStatus.QUEUED) | as_here)
            .order_by(runs.c.number)
            .limit(1)
        )

    def _equal_finished(self, config: RunConfig) -> Select[*tuple[Any, ...]]:
        return select(runs).where(
            runs.c.config_hash == config.hash,
            runs.c.version == identity_of(config),
            runs.c.status == RunStatus.FINISHED,
        )

    def _column(self, name: str, run_id: str) -> Any:
        query = select(runs.c[name]).where(runs.c.id == run_id, self._scope)
        rows = self._database.rows(query)
        if not rows:
            raise self._unknown(run_id)
        return rows[0][0]

    def _unknown(self, run_id: str) -> UserError:
        return unknown_run(run_id)
