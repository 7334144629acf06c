"""The one record of all runs: configs, states, events and where the artifacts lie.

The web server, the worker processes and the command line open it at the same time. Nothing is kept
in memory: every method is one short transaction, and a change of status is one conditional UPDATE,
so of two processes that want the same run only one gets it.

    store = RunStore()
    run = store.submit(RunConfig())              # queued
    run = store.claim(worker=worker_identity())  # running
    store.append(run.id, Notice(step=0, message="…"))
    store.finish(run.id, RunSummary(scores={"sentiment": 1.0}))
    store.events(run.id, after=0)                # [Notice(step=0, message="…")]

It is the whole record, for the owner and for worker processes. What a learner or a teacher may do with it is
`core/runs/rights.py:store_for`.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, true, update

from core.config import RunConfig
from core.errors import UserError
from core.events import Event
from core.probes import kept as probes
from core.runs import artifacts, attempts, holdings, queue, unfinished
from core.runs.beginnings import beginning_of
from core.runs.endings import Ending
from core.runs.healing import Healer
from core.runs.limits import ClassLimits, too_many_waiting
from core.runs.liveness import STALE_S, worker_identity
from core.runs.lookup import RunLookup
from core.runs.marks import Marks
from core.runs.record import (
    DamagedRunError,
    Run,
    RunSummary,
    unknown_run,
)
from core.runs.rows import new_row, running
from core.runs.schema import Database
from core.runs.states import ACTIVE, IllegalTransition, RunStatus
from core.runs.tables import events, runs
from core.typed_json import strict_json
from core.visitor import OWNER, Visitor

__all__ = ["Run", "RunStore", "RunSummary", "worker_identity"]


class RunStore(RunLookup):
    """Safe to share between threads; each process makes its own.

    Every method raises `UserError` when the database is full, locked for too long or damaged;
    what was recorded before stays. Only an ending is never refused: it is kept until it can be recorded.
    Methods that take a run id want a whole one, except `get`.
    """

    def __init__(self, url: str | None = None) -> None:
        """Open `url`, else `DATABASE_URL`, else the SQLite file in the data folder.

        Whoever opens the store ends the runs that nobody carries out any more, so none stays "running".
        """
        self._database = Database(url or os.environ.get("DATABASE_URL", ""))
        self._healer = Healer(self._database)
        self.marks = Marks(self._database)
        """Names, tags and notes that people write on runs."""
        self.limits = ClassLimits(self._database)
        """What classes allow their learners."""
        with suppress(UserError):  # a full disk takes no change, but what is recorded can be read
            self.reap()

    # From the queue to the end

    def submit(
        self, config: RunConfig, *, visitor: Visitor = OWNER, most_waiting: int | None = None
    ) -> Run:
        """Queue a new run, or give the equal one that waits or trains already; `visitor` holds it from now on.

        A learner gets an equal one that has finished, too, if its weights are here. `UserError` when the queue is
        full, or when a new run would be more than `most_waiting` for the visitor.
        """
        beginning_of(config, self)
        row_of_new, equal = new_row(config), self._equal_active(config)
        row_of_new["expected_s"] = queue.size_s(config, self.finished())
        with self._database.transaction(alone=True) as connection:
            row = connection.execute(equal).first()
            if row is None and visitor.role != "owner":
                row = self._finished_with_weights(connection, config)
            turn = queue.next_turn(connection, visitor.space)
            if row is None:
                row = self._queue_new(connection, row_of_new, turn, visitor, most_waiting)
            queue.bring_forward(connection, row.id, turn)
            holdings.hold(connection, row.id, visitor)
            queue.small_first(connection, visitor)
        return Run.from_row(row)

    def resume(
        self,
        run_id: str,
        *,
        visitor: Visitor = OWNER,
        most_waiting: int | None = None,
        worker: str = "",
    ) -> Run:
        """Queue a run that goes on from where this one was stopped, with its events up to there; with `worker` it is
        carried out at once, past the queue.

        Its losses are those of a run that was never stopped. `UserError` for one that kept nothing to go on from, or
        where code, model or machine are others by now, and as `submit` raises it.
        """
        stopped = self.get(run_id)
        config, happened = stopped.config, self.messages(run_id)
        n_events = unfinished.n_events_of(stopped, happened)
        row_of_new = new_row(config)
        new_id = str(row_of_new["id"])
        kept = unfinished.events_for(new_id, happened[:n_events])
        row_of_new |= {"expected_s": queue.size_s(config, self.finished()), "n_events": len(kept)}
        unfinished.hand_on(run_id, new_id)
        try:
            with self._database.transaction(alone=True) as connection:
                if worker:
                    new = row_of_new | running(worker)
                    row = connection.execute(insert(runs).values(new).returning(runs)).one()
                else:
                    turn = queue.next_turn(connection, visitor.space)
                    row = self._queue_new(connection, row_of_new, turn, visitor, most_waiting)
                connection.execute(insert(events), kept)
                holdings.hold(connection, row.id, visitor)
                queue.small_first(connection, visitor)
        except UserError:
            unfinished.remove(new_id)
            raise
        return Run.from_row(row)

    def start(self, config: RunConfig, *, worker: str) -> Run:
        """Record a new run that this process carries out at once, past the queue."""
        self._healer.catch_up()
        beginning_of(config, self)
        new = new_row(config) | running(worker)
        with self._database.transaction() as connection:
            row = connection.execute(insert(runs).values(new).returning(runs)).one()
            holdings.hold(connection, row.id, OWNER)
        return Run.from_row(row)

    def claim(self, *, worker: str) -> Run | None:
        """Take the run whose turn it is (core/runs/queue.py), now running; None when the queue is empty.

        Of several processes that claim at once, no two get the same run. None is given while the end of
        the last one cannot be recorded.
        """
        self._healer.catch_up()
        first = (
            select(runs.c.number)
            .where(runs.c.status == RunStatus.QUEUED)
            .order_by(*queue.ORDER)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        while True:
            with self._database.transaction() as connection:
                number = connection.scalar(first)
                if number is None:
                    return None
                row = connection.execute(
                    update(runs)
                    .where(runs.c.number == number, runs.c.status == RunStatus.QUEUED)
                    .values(**running(worker))
                    .returning(runs)
                ).first()
            if row is None:  # another process was faster: look at the next one
                continue
            try:
                return Run.from_row(row)
            except DamagedRunError as damaged:
                self.fail(damaged.run_id, str(damaged))

    def request_stop(self, run_id: str) -> bool:
        """Stop a queued run at once, ask a running one to stop; one that is over stays as it is.

        True: for the owner it ends, whoever else holds it.
        """
        with self._database.transaction() as connection:
            self._ask_to_stop(connection, run_id)
        self._column("id", run_id)  # an unknown id is an error
        return True

    def identify(self, run_id: str, identity: str) -> None:
        """Record by which code, model, device and precision the run is really carried out."""
        with self._database.transaction() as connection:
            connection.execute(update(runs).where(runs.c.id == run_id).values(version=identity))

    def finish(self, run_id: str, summary: RunSummary) -> None:
        """running -> finished. Raises `IllegalTransition` otherwise, like `stop` and `fail`."""
        self._end(run_id, RunStatus.FINISHED, summary=strict_json(asdict(summary)))

    def stop(self, run_id: str, reason: str = "") -> None:
        """queued or running -> stopped."""
        self._end(run_id, RunStatus.STOPPED, reason=reason)

    def fail(self, run_id: str, reason: str) -> None:
        """queued or running -> failed; `reason` is a sentence for a person."""
        self._end(run_id, RunStatus.FAILED, reason=reason)

    def heartbeat(self, run_id: str) -> bool:
        """Say that the run's worker is alive; False when the run is over. `append` says so too."""
        mine = update(runs).where(runs.c.id == run_id, runs.c.status.in_(ACTIVE))
        with self._database.transaction() as connection:
            return bool(connection.execute(mine.values(heartbeat_at=time.time())).rowcount)

    def reap(
        self, *, stale_s: float = STALE_S, given_up: Callable[[str], None] = lambda worker: None
    ) -> list[Run]:
        """End the running runs that nobody carries out any more (core/runs/healing.py); returns them.

        A worker of this host is looked up by its process number and start time; one of another host
        is given up when it has said nothing for more than `stale_s` seconds. `given_up` is told of it.
        """
        return self._healer.heal(stale_s=stale_s, given_up=given_up)

    def start_again(self, worker: str) -> list[Run]:
        """`worker` is lost with its machine: the run that it carried out waits again (core/runs/attempts.py)."""
        return attempts.start_again(self._database, worker)

    def append(self, run_id: str, event: Event) -> int:
        """Record an event as JSON and return its seq: 1, 2, 3, … within the run.

        NaN and infinities become null, as JSON has no word for them.
        """
        now, message = time.time(), event.to_dict()
        with self._database.transaction() as connection:
            seq = connection.scalar(
                update(runs)
                .where(runs.c.id == run_id)
                .values(n_events=runs.c.n_events + 1, heartbeat_at=now)
                .returning(runs.c.n_events)
            )
            if seq is None:
                raise unknown_run(run_id)
            connection.execute(
                insert(events).values(
                    run_id=run_id,
                    seq=seq,
                    at=now,
                    type=message["type"],
                    payload=strict_json(message),
                )
            )
        return seq

    def delete(self, run_id: str) -> bool:
        """Remove a run with its events and artifacts, whoever holds it. `UserError` while it is active.

        True: for the owner it is gone.
        """
        self._check_over(run_id, self._column("status", run_id))
        with self._database.transaction() as connection:
            self._remove(connection, run_id)
        self._forget(run_id)
        return True

    def hide(self, run_id: str, *, hidden: bool = True) -> None:
        """Take a run out of what classes see of each other, or put it back."""
        self._column("id", run_id)
        with self._database.transaction(alone=True) as connection:
            holdings.hide(connection, run_id, true(), hidden=hidden)

    # Shared steps

    @staticmethod
    def _queue_new(
        connection: Connection,
        row: dict[str, object],
        turn: int,
        visitor: Visitor,
        most_waiting: int | None,
    ) -> Row[Any]:
        n_waiting = queue.n_waiting(connection, visitor.space)
        if most_waiting is not None and n_waiting >= most_waiting:
            raise too_many_waiting(n_waiting)
        if n_waiting >= queue.limit():
            raise queue.full(n_waiting)
        return connection.execute(insert(runs).values(**row, turn=turn).returning(runs)).one()

    def _finished_with_weights(self, connection: Connection, config: RunConfig) -> Row[Any] | None:
        """The newest; an experiment's run leaves none, and who joined it could not ask its model anything."""
        newest_first = self._equal_finished(config).order_by(runs.c.number.desc())
        for row in connection.execute(newest_first):
            if artifacts.is_kept(row.id):
                return row
        return None

    @staticmethod
    def _status(connection: Connection, run_id: str) -> str:
        return connection.execute(select(runs.c.status).where(runs.c.id == run_id)).scalar() or ""

    @staticmethod
    def _ask_to_stop(connection: Connection, run_id: str) -> None:
        mine = update(runs).where(runs.c.id == run_id)
        ended = {"status": RunStatus.STOPPED, "ended_at": time.time()}
        connection.execute(
            mine.where(runs.c.status == RunStatus.QUEUED).values(
                stop_requested=True, reason="Stopped before it started.", **ended
            )
        )
        connection.execute(
            mine.where(runs.c.status == RunStatus.RUNNING).values(stop_requested=True)
        )

    @staticmethod
    def _check_over(run_id: str, status: str) -> None:
        if status in ACTIVE:
            raise UserError(f"The run {run_id} is {status}; stop it before you delete it.")

    @staticmethod
    def _remove(connection: Connection, run_id: str) -> None:
        over = runs.c.status.not_in(ACTIVE)  # or damaged
        connection.execute(delete(runs).where(runs.c.id == run_id, over))
        # If this fails, the run stays listed. On a full disk it makes the room that recording takes.
        artifacts.remove(artifacts.folder_of(run_id))

    def _forget(self, run_id: str) -> None:
        artifacts.remove_partial(run_id)
        with suppress(OSError):
            unfinished.remove(run_id)
        probes.forget(run_id)
        self._healer.forget(run_id)

    def _end(
        self, run_id: str, status: RunStatus, *, reason: str = "", summary: Any = None
    ) -> None:
        ending = Ending(status=status, ended_at=time.time(), reason=reason, summary=summary or {})
        if not self._healer.end(run_id, ending):
            raise IllegalTransition(self._column("status", run_id), status)
