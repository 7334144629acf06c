"""Whether recorded runs are whole: readable, as the index says, of one kind, and not too large."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.events import Finished, Unknown
from core.recorded import files
from core.recorded.answers import all_recorded, how, path_of
from core.recorded.collection import Collection, collection, readable
from core.recorded.files import ANSWERS, EVENTS, INDEX
from core.recorded.plan import Wanted
from core.recorded.run import RecordedRun


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What is there of a collection, what is missing, and what is wrong."""

    collection: str
    n_runs: int
    n_wanted: int
    """0 for a collection that nothing defines any more."""
    missing: tuple[str, ...]
    """Hashes of settings that are wanted and not recorded."""
    n_bytes: int
    problems: tuple[str, ...]


def check(wanted: Sequence[Wanted], *, folder: Path) -> list[Checked]:
    """Every collection that is wanted or there, in that order."""
    defined = {one.name: one for one in wanted}
    names = dict.fromkeys([*defined, *files.names(folder)])
    return [_checked(name, defined.get(name), folder) for name in names]


def problems_of_all(folder: Path) -> list[str]:
    """What can only be said of all collections together."""
    problems: list[str] = []
    if (size := files.size_bytes(folder)) > files.MOST_BYTES:
        problems.append(
            f"All files take {size / 2**20:.1f} MB, more than {files.MOST_BYTES / 2**20:.0f} MB."
        )
    try:
        all_recorded(folder=folder)
    except (UserError, KeyError, ValueError) as error:
        problems.append(f"What the base model was asked: {error}")
    dtypes = {run.stamp.dtype for one in readable(folder=folder) for run in one.runs}
    if len(dtypes) > 1:
        problems.append(f"Runs of several precisions: {', '.join(sorted(dtypes))}.")
    return problems


def _checked(name: str, wanted: Wanted | None, folder: Path) -> Checked:
    place, problems = folder / name, list[str]()
    try:
        found = collection(name, folder=folder)
    except UserError as error:
        problems.append(str(error))
        found = Collection(name=name)
    problems += _of_one_kind(found)
    in_index = {run.run_id for run in found.runs}
    for run_id in files.run_ids(place):
        if run_id not in in_index:
            problems.append(
                f"{run_id}{EVENTS} is not in the index; the next recording takes it in."
            )
    runs = in_index.union(files.run_ids(place))
    known = {INDEX, *(f"{run_id}{end}" for run_id in runs for end in (EVENTS, ANSWERS))}
    problems += (
        f"{path.name} is left of a recording that was cut off; delete it."
        for path in sorted(place.glob("*"))
        if path.name not in known
    )
    for run in found.runs:
        problems += (f"{run.run_id}: {said}" for said in _of_run(run))
    hashes = {run.config_hash for run in found.runs}
    configs = wanted.configs if wanted else ()
    return Checked(
        collection=name,
        n_runs=len(found.runs),
        n_wanted=len(configs),
        missing=tuple(config.hash for config in configs if config.hash not in hashes),
        n_bytes=files.size_bytes(place),
        problems=tuple(problems),
    )


def _of_one_kind(found: Collection) -> list[str]:
    kinds = {
        "identities": {run.identity for run in found.runs},
        "machines": {run.stamp.machine for run in found.runs},
    }
    said = [
        f"Runs of several {what}: {', '.join(sorted(k))}."
        for what, k in kinds.items()
        if len(k) > 1
    ]
    hashes = [run.config_hash for run in found.runs]
    if len(set(hashes)) < len(hashes):
        said.append("Some settings are recorded twice.")
    return said


def _of_run(run: RecordedRun) -> list[str]:
    problems: list[str] = []
    try:
        if run.config.hash != run.config_hash:
            problems.append("its settings have another hash than the index says")
        head, *_ = files.read_lines(run.path)
        if head.get("config") != run.config_dict or head.get("run_id") != run.run_id:
            problems.append("its file is that of another run")
        events = run.events()
        if unknown := sum(isinstance(event, Unknown) for event in events):
            problems.append(f"{unknown} of its events cannot be read by this version")
        if not any(isinstance(event, Finished) for event in events):
            problems.append("it has no end")
        if path_of(run.folder, run.run_id).is_file():
            all_recorded(run.run_id, folder=run.folder.parent)
            if how(path_of(run.folder, run.run_id))[0] != run.identity:
                problems.append("what it was asked is of another identity")
    except (UserError, KeyError, ValueError) as error:
        problems.append(str(error))
    if run.stamp.disturbed:
        problems.append("other programs disturbed it")
    return problems
