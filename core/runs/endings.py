"""How a run ended, and what keeps an ending that the store cannot take now, such as on a full disk.

It is kept in the memory of the process that carried the run out, which tries again, and, where there is
room, in a small file beside the store, so that whoever opens the store next can write it.
"""

import json
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from core.errors import UserError
from core.paths import data_dir, write_whole
from core.runs.states import RunStatus
from core.typed_json import Json, read


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What an end changes in the row of a run."""

    status: str
    ended_at: float
    reason: str = ""
    summary: dict[str, Json] = field(default_factory=dict[str, Json])
    by: str = ""
    """The worker that says so, if only it may: a run that it has lost by then is another's."""


class Endings:
    """The endings that wait to be recorded. Safe to share between threads."""

    def __init__(self) -> None:
        self._here: dict[str, Ending] = {}
        self._lock = threading.Lock()

    def keep(self, run_id: str, ending: Ending) -> None:
        with self._lock:
            self._here[run_id] = ending
        with suppress(OSError, UserError):  # the same disk may be full
            write_whole(_file(run_id), json.dumps(asdict(ending)).encode())

    def of_this_process(self) -> dict[str, Ending]:
        with self._lock:
            return dict(self._here)

    def of(self, run_id: str) -> Ending | None:
        """The ending that waits for a run, whichever process kept it."""
        with self._lock:
            if found := self._here.get(run_id):
                return found
        try:
            found = read(Ending, json.loads(_file(run_id).read_text("utf-8")))
            return replace(found, status=RunStatus(found.status))
        except (OSError, ValueError):
            return None

    def drop(self, run_id: str) -> None:
        """It is recorded, or its run is over or deleted."""
        with self._lock:
            self._here.pop(run_id, None)
        with suppress(OSError):
            _file(run_id).unlink()


def _file(run_id: str) -> Path:
    return data_dir() / "endings" / f"{run_id}.json"
