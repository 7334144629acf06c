"""Runs whose end nobody recorded: found, and ended with what is known of it.

A run is healed when its end waits to be recorded (core/runs/endings.py), when its process is gone or has
long been silent (core/runs/liveness.py), or when its process has taken another run since: it carries
out one at a time.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select, update

from core.runs import artifacts
from core.runs.endings import Ending, Endings
from core.runs.liveness import Silences, ended_unexpectedly, is_gone, left_behind
from core.runs.record import DamagedRunError, Run
from core.runs.schema import Database, StoreError
from core.runs.states import RunStatus, sources
from core.runs.tables import events, runs


class Healer:
    """Ends the runs of one database. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._endings = Endings()
        self._silences = Silences()

    def end(self, run_id: str, ending: Ending) -> bool:
        """Record how a run ended, or keep that until it can be recorded. False if it is in no status to end so."""
        try:
            return self._record(run_id, ending) is not None
        except StoreError:
            self._endings.keep(run_id, ending)
            return True

    def catch_up(self) -> None:
        """Record the endings that this process kept. `StoreError` while the store takes none."""
        for run_id, ending in self._endings.of_this_process().items():
            self._record(run_id, ending)
            self._endings.drop(run_id)  # recorded, or ended by another process in the meantime

    def forget(self, run_id: str) -> None:
        self._endings.drop(run_id)

    def heal(self, *, stale_s: float, given_up: Callable[[str], None]) -> list[Run]:
        """End the running runs that nobody carries out any more, and return them.

        `given_up` is told of each process that is gone or silent.
        """
        query = select(runs).where(runs.c.status == RunStatus.RUNNING).order_by(runs.c.number)
        try:
            running = self._database.rows(query)
        except StoreError:
            self._silences.forget()
            raise
        silent = self._silences.of({row.id: row.heartbeat_at for row in running})
        latest = self._latest_of_workers(running)
        healed: list[Run] = []
        try:
            for row in running:
                if ending := self._endings.of(row.id):
                    ended = self._record(row.id, ending)
                elif latest[row.worker] > _last_sign(row):
                    ended = self._fail(row, left_behind)
                elif is_gone(row.worker, **silent[row.id], stale_s=stale_s):
                    ended = self._fail(row, ended_unexpectedly)
                    if ended:
                        given_up(row.worker)
                else:
                    continue
                self._endings.drop(row.id)
                if ended:
                    with suppress(DamagedRunError):
                        healed.append(Run.from_row(ended))
        except StoreError:
            self._silences.forget()  # what cannot be recorded now includes signs of life
            raise
        return healed

    def _latest_of_workers(self, running: Sequence[Row[Any]]) -> dict[str, float]:
        """When each of their workers took its last run. Runs are not taken in the order of their numbers."""
        query = (
            select(runs.c.worker, func.coalesce(func.max(runs.c.started_at), 0.0).label("latest"))
            .where(runs.c.worker.in_({row.worker for row in running}))
            .group_by(runs.c.worker)
        )
        return {row.worker: row.latest for row in self._database.rows(query)} if running else {}

    def _fail(self, row: Row[Any], why: Callable[[int], str]) -> Row[Any] | None:
        with self._database.transaction() as connection:
            ending = Ending(
                status=RunStatus.FAILED,
                ended_at=time.time(),
                reason=why(_last_step(connection, row.id)),
            )
            silent_since = runs.c.heartbeat_at == row.heartbeat_at  # it was judged
            ended = _write(connection, row.id, ending, silent_since)
        if ended:
            artifacts.remove_partial(row.id)
        return ended

    def _record(self, run_id: str, ending: Ending) -> Row[Any] | None:
        with self._database.transaction() as connection:
            return _write(connection, run_id, ending)


def _last_sign(row: Row[Any]) -> float:
    """When a running run was last heard of: taking it is the first sign of life."""
    return max(row.started_at or 0.0, row.heartbeat_at or 0.0)


def _write(
    connection: Connection, run_id: str, ending: Ending, *conditions: ColumnElement[bool]
) -> Row[Any] | None:
    """The run's row as it is now; None if it was in no status that may end so."""
    query = update(runs).where(
        runs.c.id == run_id, runs.c.status.in_(sources(RunStatus(ending.status)))
    )
    values = asdict(ending)
    if by := values.pop("by"):
        query = query.where(runs.c.worker == by)
    return connection.execute(query.where(*conditions).values(values).returning(runs)).first()


def _last_step(connection: Connection, run_id: str) -> int:
    query = (
        select(events.c.payload)
        .where(events.c.run_id == run_id, events.c.type == "step")
        .order_by(events.c.seq.desc())
        .limit(1)
    )
    return (connection.scalar(query) or {}).get("step", 0)
