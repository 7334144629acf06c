"""What a stopped run keeps to go on from, in one file beside the folders of the runs in the data folder.

For full fine-tuning that is three copies of the model in float32, 1.6 GB here. So all such files together take at most
`MOST_BYTES`; those of the runs that were stopped longest ago go first. They stay on the machine that wrote them.
Imports no torch: the web process asks whether there is one.
"""

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from core.config.run import RUN_ID
from core.errors import UserError
from core.events import Started, Stopped
from core.paths import data_dir
from core.runs.attempts import LOST
from core.runs.identity import identity_of
from core.runs.record import Run, unknown_run
from core.runs.states import RunStatus
from core.typed_json import Json

MOST_BYTES = 4 * 2**30
END = ".unfinished"
AGAIN = "Run it again from the beginning."
GONE = f"What it needs to go on is no longer on this machine. {AGAIN}"


def path_of(run_id: str) -> Path:
    """Where it lies, or would; `UserError` for what cannot be an id, such as `../x`."""
    if not RUN_ID.fullmatch(run_id):
        raise unknown_run(run_id)
    return data_dir() / "runs" / f"{run_id}{END}"


def is_kept(run_id: str) -> bool:
    return path_of(run_id).is_file()


def n_events_of(run: Run, happened: Sequence[dict[str, Json]]) -> int:
    """How many of a run's stored events count for one that goes on from it. `UserError` where none can."""
    if not run.status.is_over or run.status == RunStatus.FINISHED:
        raise UserError(f"The run {run.id} is {run.status}: only one that was stopped can go on.")
    last = happened[-1] if happened else {}
    n_events = last.get("n_events") if last.get("type") == Stopped.type else 0
    if not isinstance(n_events, int) or not 0 < n_events < len(happened) or not is_kept(run.id):
        raise UserError(f"The run {run.id} kept nothing to go on from. {AGAIN}")
    if run.version != identity_of(run.config):
        raise UserError(
            f"The app, the model or this machine changed since the run {run.id}. {AGAIN}"
        )
    return n_events


def can_go_on(run: Run) -> bool:
    """Whether it was stopped and kept its state: for a button; `n_events_of` looks closely."""
    return run.status == RunStatus.STOPPED and is_kept(run.id)


def events_for(new_id: str, counting: Sequence[dict[str, Json]]) -> list[dict[str, object]]:
    """Rows of the table of events for the run that goes on: those that count, without lost attempts."""
    lost = [n for n, m in enumerate(counting) if str(m.get("message", "")).startswith(LOST)]
    kept: list[dict[str, object]] = []
    for message in counting[lost[-1] + 1 :] if lost else counting:
        payload = {k: v for k, v in message.items() if k not in ("seq", "at")}
        if payload.get("type") == Started.type:
            payload["run_id"] = new_id
        kept.append(
            {
                "run_id": new_id,
                "seq": len(kept) + 1,
                "at": message["at"],
                "type": payload["type"],
                "payload": payload,
            }
        )
    return kept


def keep(run_id: str, write: Callable[[Path], object]) -> None:
    """Have `write` write the file; it takes its place when it is whole. `UserError` when the disk refuses."""
    place = path_of(run_id)
    partial = place.with_name(f"{place.name}.partial")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        partial.replace(place)
    except (OSError, RuntimeError) as error:  # torch's writer raises RuntimeError
        raise UserError(
            "The disk did not take what it needs to go on later: it can only be run again from the beginning."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    _make_room(place)


def hand_on(run_id: str, to: str) -> None:
    """Let another run go on from where this one was stopped. `UserError` when the disk refuses."""
    old, new = path_of(run_id), path_of(to)
    try:
        new.hardlink_to(old)  # it is never written into: no second copy
        new.touch()  # the one that waits is no old one
    except OSError:  # a file system without such links
        keep(to, lambda path: shutil.copyfile(old, path))


def remove(run_id: str) -> None:
    """Delete it, if there is one; `OSError` when that is not allowed."""
    path_of(run_id).unlink(missing_ok=True)


def _make_room(kept: Path) -> None:
    """Delete the oldest until all together, `kept` always among them, are no more than `MOST_BYTES`."""
    files: dict[int, list[Path]] = {}  # by inode: several names may share one file
    oldest: list[tuple[float, int, int]] = []
    for path in kept.parent.glob(f"*{END}"):
        with suppress(OSError):  # deleted meanwhile
            stat = path.stat()
            if stat.st_ino not in files:
                oldest.append((stat.st_mtime, stat.st_size, stat.st_ino))
            files.setdefault(stat.st_ino, []).append(path)
    total = sum(size for _, size, _ in oldest)
    for _, size, inode in sorted(oldest):
        if total <= MOST_BYTES:
            return
        if kept not in files[inode]:
            for path in files[inode]:
                with suppress(OSError):
                    path.unlink()
            total -= size
