"""Which finished run answers a setting: the reader's own, else one that comes with the app, else the nearest.

    found = look_up(config, collections=("forgetting",), turned=("optimizer.learning_rate",))

An index is read once per server, events when they are drawn. Nothing is interpolated: of a setting that nobody
recorded, only the nearest run is known, and in what it differs.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from core.config import RunConfig
from core.errors import UserError
from core.recorded import (
    Collection,
    RecordedRun,
    beside_recorded,
    collection,
    find,
    find_hash,
    find_run,
    nearest,
    recorded_answer,
)
from core.runs.messages import M, Request
from core.runs.names import differing_words
from core.runs.store import Run
from pages.shared.engine import store


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is known of a setting."""

    own: Run | None = None
    """The newest run of the reader that is equal in every respect."""
    recorded: RecordedRun | None = None
    near: RecordedRun | None = None
    """Only where nothing is there of exactly these settings."""
    differs: tuple[tuple[str, str], ...] = ()
    """The settings in which it differs: as wanted, and as recorded."""


def look_up(config: RunConfig, *, collections: Sequence[str], turned: Sequence[str] = ()) -> Found:
    """Look for `config` among the reader's runs and all recorded ones, then for the nearest one in `collections`.

    `turned` are the settings that the page's controls turn: in these a near run may differ first.
    """
    own, recorded = store().find_finished(config), find(config)
    if own or recorded:
        return Found(own=own, recorded=recorded)
    runs = tuple(run for name in collections for run in collection(name).runs)
    if not runs:
        return Found()
    try:
        near, _ = nearest(
            config, among=Collection(name=" and ".join(collections), runs=runs), on=turned
        )
    except UserError:  # all are of another version
        return Found()
    differs = differing_words(config.to_dict(), near.config.to_dict())
    return Found(near=near, differs=tuple(differs))


def recorded_run(config: RunConfig) -> RecordedRun | None:
    """The recorded run of exactly these settings; None without one, and where it cannot be read."""
    with suppress(UserError):
        found = find(config)
        if found and found.events():
            return found
    return None


def recorded_by_id(run_id: str) -> RecordedRun | None:
    """The recorded run of an id, as a link may name it; None where none comes with this version."""
    with suppress(UserError):
        found = find_run(run_id)
        if found.valid_config:
            return found
    return None


def recorded_like(run: Run) -> RecordedRun | None:
    """The recorded run of a run's settings, to draw behind it; None without one, and where it cannot be read
    (`python -m core recorded check` says why): the live run is drawn all the same."""
    with suppress(UserError):
        found = find_hash(run.config_hash)
        if found and found.run_id != run.id and found.events():
            return found
    return None


def beside_words(run: Run) -> str:
    """Whether a finished run differs from the recorded one by more than seeds do; "" where that is not known."""
    with suppress(UserError):
        return beside_recorded(run)
    return ""


def known_answer(request: Request[M]) -> list[M]:
    """What is recorded of exactly this request; nothing where it is not, or cannot be read."""
    with suppress(UserError):
        return recorded_answer(request) or []
    return []
