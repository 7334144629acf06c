"""From runs and events to the rows of the store's tables, and back where they can be read."""

import logging
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Row

from core.config import RunConfig
from core.runs.identity import identity_of
from core.runs.record import DamagedRunError, Run, new_run_id
from core.runs.states import RunStatus

log = logging.getLogger(__name__)


def new_row(config: RunConfig) -> dict[str, object]:
    """Of a run that is submitted now."""
    now = time.time()
    return {
        "id": new_run_id(now),
        "config": config.to_dict(),
        "config_hash": config.hash,
        "version": identity_of(config),
        "status": RunStatus.QUEUED,
        "created_at": now,
    }


def stored_message(payload: Any) -> dict[str, Any]:
    """An event as it is stored; one that is damaged reads as one of a version that is not known."""
    return payload if isinstance(payload, dict) else {"type": "damaged"}


def as_runs(rows: Sequence[Row[Any]]) -> list[Run]:
    """The runs of all rows that can be read; a damaged one hides no other."""
    found: list[Run] = []
    for row in rows:
        try:
            found.append(Run.from_row(row))
        except DamagedRunError as damaged:
            _warn_once(str(damaged))
    return found


@cache
def _warn_once(text: str) -> None:
    """Pages look at the runs every second."""
    log.warning("%s", text)


def running(worker: str) -> dict[str, object]:
    """What changes in the row of a run when `worker` takes it."""
    now = time.time()
    return {"status": RunStatus.RUNNING, "started_at": now, "heartbeat_at": now, "worker": worker}
