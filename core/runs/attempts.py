"""A run whose machine was lost, such as a node of a cluster, starts again from the beginning.

What the lost attempt recorded stays in the store, followed by a notice that says so; whoever reads a run's events
gets the notices and what came after the last one (`of_last_attempt`). A run is given up after `MOST` attempts.
"""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from core.events import Event, Notice
from core.runs.record import Run
from core.runs.rows import as_runs, stored_message
from core.runs.schema import Database
from core.runs.states import RunStatus
from core.runs.tables import events, runs
from core.typed_json import strict_json

MOST = 3
LOST = "The machine that carried out this run was lost"
GIVEN_UP = (
    f"{LOST}, the third in a row, so it was given up. Make sure that the machines have enough memory for it, "
    "then run it again."
)
STOPPED = f"Stopped by the reader. {LOST} before it could save anything."


def start_again(database: Database, worker: str) -> list[Run]:
    """Put what `worker`, which is lost, carried out back into the queue. A run that was to stop is stopped,
    and one that lost its machine too often has failed.

    Returns those runs as they are now; nothing happens to a run that has another worker by now.
    """
    query = select(runs).where(runs.c.status == RunStatus.RUNNING, runs.c.worker == worker)
    changed: list[Row[Any]] = []
    for row in database.rows(query):
        with database.transaction() as connection:
            changed += _start_again(connection, row)
    return as_runs(changed)


def of_last_attempt(events: Sequence[Event]) -> list[Event]:
    """What counts of all events of a run: those of its last attempt, after the notices of those that were lost."""
    lost = [n for n, event in enumerate(events) if is_lost(event)]
    return [*(events[n] for n in lost), *events[lost[-1] + 1 :]] if lost else list(events)


def is_lost(event: Event) -> bool:
    """Whether it says that an attempt was lost."""
    return isinstance(event, Notice) and event.message.startswith(LOST)


def _start_again(connection: Connection, row: Row[Any]) -> list[Row[Any]]:
    now = time.time()
    mine = update(runs).where(
        runs.c.id == row.id, runs.c.status == RunStatus.RUNNING, runs.c.worker == row.worker
    )
    if row.stop_requested:
        values = {"status": RunStatus.STOPPED, "ended_at": now, "reason": STOPPED}
        return list(connection.execute(mine.values(values).returning(runs)))
    payloads = connection.scalars(
        select(events.c.payload)
        .where(events.c.run_id == row.id, events.c.type.in_((Notice.type, "step")))
        .order_by(events.c.seq)
    )
    n_lost, last_step = 0, 0
    for payload in map(stored_message, payloads):
        if str(payload.get("message", "")).startswith(LOST):
            n_lost, last_step = n_lost + 1, 0
        last_step = int(payload.get("step") or 0) if payload.get("type") == "step" else last_step
    if n_lost + 1 >= MOST:
        values = {"status": RunStatus.FAILED, "ended_at": now, "reason": GIVEN_UP}
        return list(connection.execute(mine.values(values).returning(runs)))
    values = {
        "status": RunStatus.QUEUED,
        "worker": "",
        "started_at": None,
        "heartbeat_at": None,
        "n_events": runs.c.n_events + 1,
    }
    changed = connection.execute(mine.values(values).returning(runs)).first()
    if changed is None:  # it has just ended, or was put back by another server
        return []
    where = f"after step {last_step}" if last_step else "before its first step"
    notice = Notice(step=0, message=f"{LOST} {where}. It starts again from the beginning.")
    message = notice.to_dict()
    connection.execute(
        insert(events).values(
            run_id=row.id,
            seq=changed.n_events,
            at=now,
            type=Notice.type,
            payload=strict_json(message),
        )
    )
    return [changed]
