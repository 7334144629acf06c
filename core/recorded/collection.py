"""Collections of recorded runs, and the run of a setting among all of them."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from core.config import RunConfig
from core.errors import UserError, quote
from core.recorded import files
from core.recorded.files import INDEX, Index
from core.recorded.run import RecordedRun


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Runs that were recorded for one comparison, in the order they were made."""

    name: str
    runs: tuple[RecordedRun, ...] = ()
    defaults: str = ""
    """The hash of the default settings when it was recorded."""

    @cached_property
    def by_hash(self) -> dict[str, RecordedRun]:
        """The runs by the hash that their settings have in this version of the app.

        As long as the default settings have the hash they had, so have all others. Else, such as after a
        setting was added, each is taken again; settings that are no longer valid are left out.
        """
        if self.defaults == RunConfig().hash:
            return {run.config_hash: run for run in self.runs}
        found: dict[str, RecordedRun] = {}
        for run in self.runs:
            try:
                found[run.config.hash] = run
            except UserError:
                continue
        return found


def collections(*, folder: Path | None = None) -> list[Collection]:
    """All that have runs, by name; `folder` is that of the app unless another is given."""
    place = folder or files.FOLDER
    found = (collection(name, folder=place) for name in files.names(place))
    return [one for one in found if one.runs]


def readable(*, folder: Path | None = None) -> Iterator[Collection]:
    """Those that can be read."""
    place = folder or files.FOLDER
    for name in files.names(place):
        with suppress(UserError):
            yield collection(name, folder=place)


def collection(name: str, *, folder: Path | None = None) -> Collection:
    """The collection of a name, without runs where nothing is recorded.

    Raises `UserError` where its index is damaged.
    """
    place = (folder or files.FOLDER) / name
    try:
        found = (place / INDEX).stat()
    except OSError:
        return Collection(name=name)
    return _read(place, found.st_mtime_ns, found.st_size)


def find(config: RunConfig, *, folder: Path | None = None) -> RecordedRun | None:
    """The recorded run of exactly these settings, whichever version of the code made it; None without.

    A collection that cannot be read hides no other: it counts as none (`recorded check` says what is wrong).
    """
    return find_hash(config.hash, folder=folder)


def find_hash(config_hash: str, *, folder: Path | None = None) -> RecordedRun | None:
    """The same for settings of which only the hash is at hand."""
    found = (one.by_hash.get(config_hash) for one in readable(folder=folder))
    return next((run for run in found if run), None)


def find_run(run_id: str, *, folder: Path | None = None) -> RecordedRun:
    """The recorded run of an id; `UserError` where there is none."""
    for one in readable(folder=folder):
        for run in one.runs:
            if run.run_id == run_id:
                return run
    raise UserError(
        f"There is no recorded run {quote(run_id)}; list them with: python -m core recorded list"
    )


def save(found: Collection, folder: Path) -> None:
    """Write the index of a collection."""
    runs = [run.to_dict() for run in found.runs]
    index = Index(collection=found.name, defaults=found.defaults, runs=runs)
    files.write_index(folder / found.name, index)


@lru_cache(maxsize=128)
def _read(place: Path, changed_at: int, size: int) -> Collection:
    del changed_at, size  # an index that was written anew is read anew
    found = files.read_index(place)
    with files.reading(place / INDEX):
        runs = tuple(RecordedRun.of(run, collection=place.name, folder=place) for run in found.runs)
    return Collection(name=place.name, runs=runs, defaults=found.defaults)
