"""What the store gives out: a `Run`, and how it gets its id and its JSON."""

import math
import secrets
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import Row

from core.config import RunConfig
from core.errors import UserError, quote
from core.runs.states import STATUSES, RunStatus
from core.runs.stored_config import unchecked
from core.typed_json import Json, load_json, read

END_OF_TIME = 253_402_300_800
"""The year 10,000 in seconds since 1970; no calendar here goes further."""


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """What a finished run came to."""

    scores: dict[str, float] = field(default_factory=dict[str, float])
    """Of each task at its last check, and at its first."""
    first_scores: dict[str, float] = field(default_factory=dict[str, float])
    steps: int = 0
    stopped_early: bool = False
    trainable_params: int = 0
    total_params: int = 0
    peak_memory_mb: float = math.nan
    elapsed_s: float = math.nan
    train_s: float = math.nan
    """Time in optimizer steps alone."""
    artifact_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Run:
    """One row of the record, as it was when it was read."""

    id: str
    """UTC time of submission and a random end, such as 20261123-101500-ab12cd."""
    config_dict: dict[str, Json]
    """The config as it was stored; always readable, even when `config` no longer is."""
    config_hash: str
    version: str
    """Its identity (core/runs/identity.py); with the config hash it says whether two runs are the same."""
    status: RunStatus
    stop_requested: bool
    reason: str
    """Why the run stopped or failed, for a person."""
    created_at: float
    """Seconds since 1970, like the other times."""
    started_at: float | None
    ended_at: float | None
    worker: str
    """Who carries it out: `host:pid:create_time`; empty while queued."""
    summary_dict: dict[str, Json]
    """What `finish` was given, as it was stored; empty before."""

    @cached_property
    def summary(self) -> RunSummary:
        """The figures of the run's end; before it and in older records, those that are missing are NaN or 0."""
        try:
            return read(RunSummary, self.summary_dict)
        except ValueError:  # of another version
            return RunSummary()

    @cached_property
    def config(self) -> RunConfig:
        """The validated config.

        Raises `UserError` when it is no longer valid, e.g. after its model folder was deleted. It
        is built only when asked for, so that such a run can still be listed, shown and deleted.
        """
        try:
            return RunConfig.from_dict(self.config_dict)
        except (UserError, TypeError) as error:
            raise UserError(f"The settings of run {self.id} no longer work: {error}") from error

    @cached_property
    def valid_config(self) -> RunConfig | None:
        """`config`, or None where it is no longer valid: such a run compares with no other."""
        try:
            return self.config
        except UserError:
            return None

    @cached_property
    def unchecked_config(self) -> RunConfig:
        """The settings as they were stored, to name and show the run even where they are no longer valid.

        Raises `DamagedRunError` where they cannot be read.
        """
        try:
            return unchecked(self.config_dict)
        except ValueError as error:
            raise DamagedRunError(self.id, "config") from error

    @classmethod
    def from_row(cls, row: Row[Any]) -> "Run":
        """The run of a whole row of the table `runs`; `DamagedRunError` where that cannot be read."""
        if wrong := _damaged_column(row):
            raise DamagedRunError(str(row.id), wrong)
        return cls(
            id=row.id,
            config_dict=row.config,
            config_hash=row.config_hash,
            version=row.version,
            status=RunStatus(row.status),
            stop_requested=row.stop_requested,
            reason=row.reason,
            created_at=row.created_at,
            started_at=row.started_at,
            ended_at=row.ended_at,
            worker=row.worker,
            summary_dict=row.summary,
        )


class DamagedRunError(UserError):
    """A row that does not hold what this app writes; other runs are not concerned."""

    def __init__(self, run_id: str, column: str) -> None:
        super().__init__(
            f"The record of the run {run_id} is damaged ({column}). "
            f"Delete it: python -m core runs delete {run_id}"
        )
        self.run_id = run_id


def _damaged_column(row: Row[Any]) -> str:
    """The name of a column that holds something else than it should; empty when all is well."""
    numbers = (row.created_at, row.started_at or 0.0, row.ended_at or 0.0)
    sound = {
        "config": isinstance(row.config, dict)
        and all(isinstance(row.config.get(part), dict) for part in ("data", "method")),
        "summary": isinstance(row.summary, dict),
        "status": row.status in STATUSES,
        "time": all(isinstance(n, (int, float)) and 0 <= n < END_OF_TIME for n in numbers),
        "text": all(isinstance(text, str) for text in (row.id, row.reason, row.worker)),
    }
    return next((name for name, is_sound in sound.items() if not is_sound), "")


def read_json(text: str | bytes) -> Any:
    """As the store's tables hold it; None for what is no JSON, so that other rows can still be read."""
    try:
        return load_json(text)
    except ValueError:
        return None


def new_run_id(now: float) -> str:
    """An id for a run submitted at `now` (seconds since 1970): sorts by time, safe in a URL."""
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime(now)) + "-" + secrets.token_hex(3)


def unknown_run(run_id: str) -> UserError:
    return UserError(
        f"There is no run {quote(run_id)}; list the runs with: python -m core runs list"
    )
