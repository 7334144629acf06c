"""What lies in an offline kit, and kit.json, the list of it that tells whether all is there. Imports no torch."""

import json
import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from core.errors import UserError, shortened
from core.models.checksum import checksums
from core.paths import ROOT, save_whole
from core.typed_json import read

LIST = "kit.json"
PACKAGES, APP, HOME = "packages", "app", "home"
"""Folders of a kit: wheels, the app's own source, and its TUNING_FORK_HOME with the model."""
MODELS = f"{HOME}/cache/models"
SCRIPTS = ("README.txt", "start.sh", "start.bat")
"""Made of assets/kit; they lie at the top."""
PARTS = (
    "app.py",
    "join.py",
    "server.py",
    ".streamlit/config.toml",
    "core",
    "pages",
    "assets",
    "deploy",
    "docs",
    "README.md",
    "CHANGELOG.md",
    "requirements.txt",
    "requirements-cluster.txt",
    "pyproject.toml",
)
"""Of this folder, what the app needs to run, and what people read. Nothing else: a secret of this machine may
lie beside it."""
MADE_BY_USE = ("__pycache__", ".env")


@dataclass(frozen=True, kw_only=True)
class Kit:
    """What kit.json holds."""

    format: int = 1
    commit: str
    made_at: str
    """UTC."""
    python: str
    """Such as "3.11": the packages are for it alone."""
    platform: str
    """Such as "linux-x86_64"."""
    model: str
    n_packages: int
    sizes: dict[str, int]
    """Bytes of each file, by its path in the kit."""
    sha256: dict[str, str]

    @property
    def n_bytes(self) -> int:
        return sum(self.sizes.values())


def this_python() -> tuple[str, str]:
    """(version, platform) of who runs this, as in `Kit`."""
    return f"{sys.version_info.major}.{sys.version_info.minor}", sysconfig.get_platform()


def app_files(root: Path = ROOT) -> Iterator[Path]:
    """The files of `PARTS`, relative to the app's folder, in order."""
    for part in PARTS:
        path = root / part
        if path.is_file():
            yield Path(part)
            continue
        for folder, inner, names in os.walk(path):
            inner[:] = sorted(name for name in inner if name not in MADE_BY_USE)
            for name in sorted(names):
                if name not in MADE_BY_USE and not name.startswith(".DS_Store"):
                    yield Path(folder, name).relative_to(root)


def files_of(folder: Path) -> list[str]:
    """Every file that belongs to a kit: what its use leaves beside them (runs, .venv) does not."""
    kept = [*(folder / name for name in SCRIPTS)]
    for part in (PACKAGES, APP, MODELS):
        for inner, folders, names in os.walk(folder / part):
            folders[:] = [name for name in folders if name not in MADE_BY_USE]
            kept += [Path(inner, name) for name in names if not name.endswith(".lock")]
    return sorted(path.relative_to(folder).as_posix() for path in kept)


def write_list(kit: Kit, folder: Path) -> None:
    save_whole(folder / LIST, (json.dumps(asdict(kit), indent=1) + "\n").encode())


def read_list(folder: Path) -> Kit:
    """`UserError` where the folder holds no whole kit."""
    try:
        return read(Kit, json.loads((folder / LIST).read_text("utf-8")))
    except FileNotFoundError as error:
        raise UserError(
            f"The folder {shortened(folder)} holds no finished kit: {LIST} is missing. "
            "Make it with: python -m core kit offline --to FOLDER"
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(
            f"{shortened(folder / LIST)} cannot be read: {error}. Make the kit anew."
        ) from error


def measured(folder: Path, names: list[str]) -> tuple[dict[str, int], dict[str, str]]:
    """Sizes and checksums of these files."""
    return {name: (folder / name).stat().st_size for name in names}, checksums(folder, names)
