"""Recorded runs as the pages use them, whichever record they come from."""

from dataclasses import dataclass
from functools import cache
from typing import Protocol

from core.config import RunConfig
from core.events import Event
from core.experiments.first_screens import RecordedEvents, first_screens


class Recorded(Protocol):
    """A run that comes with the app."""

    @property
    def config(self) -> RunConfig: ...
    @property
    def where(self) -> str:
        """Sentences for a caption: when, where and how it was recorded."""
        ...

    def events(self) -> list[Event]: ...
    def times(self) -> list[float]:
        """Seconds from the start of the run to each event."""
        ...


@dataclass(frozen=True, kw_only=True)
class Untimed:
    """A run of a record that kept no times: one second for each step, and none for a check."""

    found: RecordedEvents
    where_recorded: str

    @property
    def config(self) -> RunConfig:
        return RunConfig.from_dict(self.found.config)

    @property
    def where(self) -> str:
        return f"{self.where_recorded} Times were not kept: it is played at one step a second."

    def events(self) -> list[Event]:
        return list(self.found.events)

    def times(self) -> list[float]:
        found, now = [], 0
        for event in self.found.events:
            now = max(now, getattr(event, "step", 0))
            found.append(float(now))
        return found


def recorded_run(config_hash: str) -> Recorded | None:
    """The recorded run of exactly these settings, or None."""
    return _shipped().get(config_hash)


@cache
def _shipped() -> dict[str, Recorded]:
    """The runs of the first screens, by the hash of their settings."""
    found = first_screens()
    if not found:
        return {}
    runs = [Untimed(found=run, where_recorded=found.where) for run in found.runs.values()]
    return {run.config.hash: run for run in runs}
