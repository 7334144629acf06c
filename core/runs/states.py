"""The one state machine of a run. The store asks it before every change; nothing else decides.

queued <─> running ──> finished        (back to queued: its machine was lost, core/runs/attempts.py)
  │           ├──────> stopped
  │           └──────> failed
  ├──────────────────> stopped
  └──────────────────> failed
"""

from enum import StrEnum


class RunStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """Nothing leaves this status any more."""
        return not ALLOWED[self]


ALLOWED: dict[RunStatus, frozenset[RunStatus]] = {
    RunStatus.QUEUED: frozenset({RunStatus.RUNNING, RunStatus.STOPPED, RunStatus.FAILED}),
    RunStatus.RUNNING: frozenset(
        {RunStatus.FINISHED, RunStatus.STOPPED, RunStatus.FAILED, RunStatus.QUEUED}
    ),
    RunStatus.FINISHED: frozenset(),
    RunStatus.STOPPED: frozenset(),
    RunStatus.FAILED: frozenset(),
}
"""Status -> the statuses that may follow it."""
STATUSES = frozenset(map(str, RunStatus))
ACTIVE = tuple(status for status in RunStatus if not status.is_over)


class IllegalTransition(ValueError):  # noqa: N818 - named after what happened
    """A change of status that `ALLOWED` does not list: a bug, or the run has just ended."""

    def __init__(self, before: str, after: str) -> None:
        super().__init__(f"A run that is {before} cannot become {after}.")


def sources(after: RunStatus) -> list[RunStatus]:
    """The statuses from which `after` may be reached."""
    return [before for before in RunStatus if after in ALLOWED[before]]
