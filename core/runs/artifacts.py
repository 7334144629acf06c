"""The files a run leaves behind (adapter or weights), in a folder of its own in the data folder.

Their checksums lie beside it, in `<run>.sha256`, as `sha256sum --check` reads them. Where several machines are to
reach them, they lie in a storage for all, too (core/runs/storage.py).
"""

import os
import secrets
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError

from core.config.run import RUN_ID
from core.errors import UserError
from core.models.checksum import checksums
from core.paths import data_dir, flush, flush_names, write_whole
from core.runs.record import unknown_run
from core.runs.storage import storage


def folder_of(run_id: str) -> Path:
    """The run's folder; not created. `UserError` for what cannot be an id, such as `../x`."""
    if not RUN_ID.fullmatch(run_id):
        raise unknown_run(run_id)
    return data_dir() / "runs" / run_id


@contextmanager
def saving(run_id: str, *, keep: bool = True) -> Generator[Path]:
    """A folder to write a run's files into. It takes its place when all are written; without `keep` it goes.

    `UserError` when the disk refuses; nothing is left behind then.
    """
    partial = _partial(run_id)
    try:
        remove_partial(run_id)
        partial.mkdir(parents=True)
        yield partial
        if keep:
            flush(partial)
            _write_sums(run_id, partial)
            _put(run_id, partial)
            partial.replace(folder_of(run_id))
            flush_names(partial.parent)
    except (OSError, SafetensorError) as error:
        _sums_of(folder_of(run_id)).unlink(missing_ok=True)
        raise UserError(_not_saved(error)) from error
    finally:
        remove_partial(run_id)


def _put(run_id: str, written: Path) -> None:
    if place := storage():
        try:
            place.put_run(run_id, written, _sums_of(folder_of(run_id)))
        except UserError as error:
            _sums_of(folder_of(run_id)).unlink(missing_ok=True)
            raise UserError(f"{error} The tuned weights are lost; the curves are kept.") from error


def fetched(run_id: str) -> Path:
    """The run's folder, with its files where the storage for all machines has them and this one had not."""
    folder, place = folder_of(run_id), storage()
    if place is None or folder.exists():
        return folder
    partial = folder.with_name(f"{run_id}.{secrets.token_hex(4)}.partial")
    try:
        if place.get_run(run_id, partial, _sums_of(folder)):
            with suppress(OSError):  # another process was faster
                partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def drop_copy(run_id: str) -> None:
    """Take the run's files off this machine, where a storage for all machines holds them."""
    if storage():
        shutil.rmtree(folder_of(run_id), ignore_errors=True)
        _sums_of(folder_of(run_id)).unlink(missing_ok=True)


def is_kept(run_id: str) -> bool:
    """Whether the run left weights, here or in the storage for all machines."""
    place = storage()
    return folder_of(run_id).is_dir() or bool(place and place.size_of_run(run_id))


def size_of(run_id: str) -> int:
    """Bytes that a run's files take, here or in the storage for all machines; 0 when it has none."""
    if here := size_bytes(folder_of(run_id)):
        return here
    place = storage()
    return place.size_of_run(run_id) if place else 0


def _write_sums(run_id: str, written: Path) -> None:
    files = sorted(file for file in written.rglob("*") if file.is_file())
    found = checksums(written, [file.relative_to(written).as_posix() for file in files])
    lines = [f"{digest}  {run_id}/{name}\n" for name, digest in found.items()]
    write_whole(_sums_of(folder_of(run_id)), "".join(lines).encode())


def verify(run_id: str) -> None:
    """`UserError` when a file of the run is not what was saved. Older runs have no checksums, and pass."""
    sums = _sums_of(folder_of(run_id))
    try:
        if not sums.exists():
            return
        wanted = [line.split("  ", 1) for line in sums.read_text("utf-8").splitlines()]
        found = checksums(sums.parent, [name for _, name in wanted])
        is_whole = bool(wanted) and found == {name: digest for digest, name in wanted}
    except (OSError, ValueError):
        is_whole = False
    if not is_whole:
        raise UserError(
            f"The saved weights of the run {run_id} are damaged or incomplete; run it again."
        )


def _sums_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.sha256")


def _not_saved(error: Exception) -> str:
    if "No space left" in str(error):
        return (
            "The disk is full: the tuned weights cannot be saved. The curves are kept. "
            "Free some space, then run it again."
        )
    return f"The tuned weights cannot be saved ({error}). The curves are kept."


def remove_partial(run_id: str) -> None:
    """Delete what was left of a saving that was interrupted."""
    shutil.rmtree(_partial(run_id), ignore_errors=True)


def _partial(run_id: str) -> Path:
    return folder_of(run_id).with_name(f"{run_id}.partial")


def size_bytes(folder: Path) -> int:
    """Size of all files below `folder`; 0 when there is none."""
    total = 0
    for inner, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # deleted while we count
                total += Path(inner, name).stat().st_size
    return total


def remove(folder: Path) -> None:
    """Delete the folder of a run, if there is one, and its checksums. `UserError` when that is not allowed."""
    try:
        if folder.exists():
            shutil.rmtree(folder)
        _sums_of(folder).unlink(missing_ok=True)
        if place := storage():
            place.remove_run(folder.name)
    except OSError as error:
        raise UserError(
            f"The folder {folder} cannot be deleted: {error.strerror or error}."
        ) from error
