"""One recorded run: its settings, how it came about, and its events with their times."""

import calendar
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from core.config import RunConfig
from core.config.run import RUN_ID
from core.errors import UserError, quote
from core.events import Event, event_from_dict
from core.recorded.files import EVENTS, read_lines, reading
from core.runs.record import Run, RunSummary
from core.runs.states import RunStatus
from core.stamp import Stamp
from core.typed_json import JsonObject, read, read_object

AT = "at"
"""In the file of a run: seconds from its start to an event."""
RUNS_KEPT = 64
"""In memory, with their events; the run looked at longest ago goes first."""


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """What the index knows of a run; its events are read when they are asked for."""

    run_id: str
    collection: str
    config_dict: JsonObject
    config_hash: str
    identity: str
    """Of the code, model, device and precision that made it (core/runs/identity.py)."""
    command: str
    """Repeats the run."""
    seconds: float
    """From its start to its end."""
    stamp: Stamp
    summary: RunSummary
    folder: Path
    """Of the collection."""

    @cached_property
    def config(self) -> RunConfig:
        """Raises `UserError` when it is no longer valid in this version."""
        try:
            return RunConfig.from_dict(self.config_dict)
        except (UserError, TypeError) as error:
            raise UserError(
                f"The settings of the recorded run {self.run_id} no longer work: {error}"
            ) from error

    @cached_property
    def valid_config(self) -> RunConfig | None:
        """`config`, or None where it is no longer valid."""
        try:
            return self.config
        except UserError:
            return None

    @property
    def path(self) -> Path:
        return self.folder / f"{self.run_id}{EVENTS}"

    def events(self, *kinds: type[Event]) -> list[Event]:
        """All that it said, in order, or only what is of some kinds, which is read faster.

        `UserError` where its file is missing or damaged.
        """
        if not kinds:
            return list(_timed_events(self.path, _changed_at(self.path))[0])
        types = {kind.type for kind in kinds}
        _, *lines = read_lines(self.path)
        return [event_from_dict(line) for line in lines if line.get("type") in types]

    def times(self) -> list[float]:
        """Seconds from its start to each event: never less than the one before."""
        return list(_timed_events(self.path, _changed_at(self.path))[1])

    @property
    def where(self) -> str:
        """Sentences for a caption: when, on which machine and how it was recorded."""
        return where_words(self.stamp)

    def to_dict(self) -> JsonObject:
        """A line of the index."""
        return {
            "run_id": self.run_id,
            "config_hash": self.config_hash,
            "identity": self.identity,
            "command": self.command,
            "seconds": self.seconds,
            "config": self.config_dict,
            "stamp": asdict(self.stamp),
            "summary": asdict(self.summary),
        }

    @classmethod
    def of(cls, found: JsonObject, *, collection: str, folder: Path) -> "RecordedRun":
        """`ValueError` or `KeyError` where a line of the index is none."""
        run_id, seconds = read(str, found["run_id"]), read(float, found["seconds"])
        if not RUN_ID.fullmatch(run_id):  # its files are named after it
            raise ValueError(f"{quote(run_id)} is the id of no run")
        if not math.isfinite(seconds):
            raise ValueError(f"{run_id} has no length")
        return cls(
            run_id=run_id,
            collection=collection,
            folder=folder,
            config_dict=read_object(found["config"]),
            config_hash=read(str, found["config_hash"]),
            identity=read(str, found["identity"]),
            command=read(str, found["command"]),
            seconds=seconds,
            stamp=read(Stamp, found["stamp"]),
            summary=read(RunSummary, found["summary"]),
        )


def where_words(stamp: Stamp) -> str:
    """When, on which machine and how something was recorded, in sentences."""
    how = [stamp.dtype, f"commit {stamp.commit}" if stamp.commit else ""]
    said = ", ".join(words for words in (stamp.at[:10], *how) if words)
    disturbed = " Other programs disturbed it, so its times do not count."
    return f"Recorded on {stamp.machine} ({said})." + (disturbed if stamp.disturbed else "")


def as_run(recorded: RecordedRun) -> Run:
    """The run as the store of the machine that made it had it, for views that take (run, events)."""
    try:
        ended = float(calendar.timegm(time.strptime(recorded.stamp.at, "%Y-%m-%dT%H:%M:%SZ")))
    except ValueError:  # not known
        ended = recorded.seconds
    return Run(
        id=recorded.run_id,
        config_dict=recorded.config_dict,
        config_hash=recorded.config_hash,
        version=recorded.identity,
        status=RunStatus.FINISHED,
        stop_requested=False,
        reason="",
        created_at=ended - recorded.seconds,
        started_at=ended - recorded.seconds,
        ended_at=ended,
        worker="",
        summary_dict=asdict(recorded.summary),
    )


@lru_cache(maxsize=RUNS_KEPT)
def _timed_events(path: Path, changed_at: int) -> tuple[tuple[Event, ...], tuple[float, ...]]:
    del changed_at  # a file that was made anew is read anew
    _, *lines = read_lines(path)
    with reading(path):
        if not lines:
            raise ValueError("it holds no events")
        times = tuple(_times(lines))
        return tuple(map(event_from_dict, lines)), times


def _times(lines: Sequence[JsonObject]) -> Iterator[float]:
    """Taken out of each line; `ValueError` where they go back or are none."""
    last = 0.0
    for line in lines:
        now = read(float, line.pop(AT, 0.0))
        if not last <= now < math.inf:
            raise ValueError(f"{now:g} s follows on {last:g} s")
        last = now
        yield now


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # reading it says what is wrong
