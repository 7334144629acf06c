"""Write an offline kit: the app, the prepared model and the packages into one folder, its list last.

A kit is finished when kit.json is there. A stopped one goes on: a file that is there and right is not
written again. Imports no torch.
"""

import errno
import shutil
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import Template

from core.catalog import ModelEntry
from core.errors import UserError, shortened
from core.kit import packages
from core.kit.contents import (
    APP,
    HOME,
    LIST,
    MODELS,
    PACKAGES,
    SCRIPTS,
    Kit,
    app_files,
    files_of,
    measured,
    this_python,
    write_list,
)
from core.models.acquire import ready_dir
from core.models.checksum import checksums, verify
from core.models.download import DISK_FULL
from core.paths import ASSETS, ROOT, save_whole
from core.stamp import commit

SPARE_MB = 100
"""What is left free, beside the sizes we know."""


def gather(
    to: Path,
    *,
    model: ModelEntry,
    requirements: Path = ROOT / "requirements.txt",
    on_progress: Callable[[str], None] = lambda text: None,
) -> Kit:
    """Write all of it; returns its list.

    Raises `UserError` where the model is not prepared, the folder holds other things, the disk is too
    small or refuses, or the packages cannot be had.
    """
    source = ready_dir(model)
    if model.is_local:
        raise UserError(
            "A kit holds a model of the catalogue; a folder of your own can be copied beside it."
        )
    if not requirements.is_file():
        raise UserError(f"There is no file {shortened(requirements)}; name one with requirements.")
    _check_place(to)
    with _disk_errors(to):
        to.mkdir(parents=True, exist_ok=True)
        (to / LIST).unlink(missing_ok=True)  # until all is there again
        on_progress("the app")
        _copy(ROOT, [*app_files()], to / APP)
        shutil.copyfile(requirements, to / APP / "requirements.txt")
        _check_room(to, source)
        on_progress(f"the model {model.title}")
        _copy_model(source, to / MODELS / model.id)
        on_progress("which packages are needed")
        found = packages.needed(requirements)
        packages.fetch(found, to / PACKAGES, on_progress=on_progress)
        _write_scripts(to)
        on_progress("checksums")
        python, platform = this_python()
        sizes, sha256 = measured(to, files_of(to))
        kit = Kit(
            commit=commit(),
            made_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            python=python,
            platform=platform,
            model=model.id,
            n_packages=len(found),
            sizes=sizes,
            sha256=sha256,
        )
        write_list(kit, to)
    return kit


def _check_place(to: Path) -> None:
    """`UserError` for a folder that holds what is no part of a kit."""
    if to.exists() and not to.is_dir():
        raise UserError(f"{shortened(to)} is a file; name a folder for the kit.")
    if to.resolve() == ROOT or ROOT in to.resolve().parents:
        raise UserError("The kit would hold itself; name a folder outside the app’s own.")
    ours = {PACKAGES, APP, HOME, LIST, *SCRIPTS}
    if to.exists() and (others := sorted({path.name for path in to.iterdir()} - ours - {".venv"})):
        raise UserError(
            f"The folder {shortened(to)} holds other things ({shortened(others[0])}); name a new folder for the kit."
        )


def _check_room(to: Path, source: Path) -> None:
    there = to / MODELS / source.name
    n_bytes = 0 if there.exists() else sum(f.stat().st_size for f in source.iterdir())
    free = shutil.disk_usage(to).free
    if free < n_bytes + SPARE_MB * 10**6:
        raise UserError(
            f"The model takes {n_bytes / 1e6:.0f} MB and the packages more, but {shortened(to)} has "
            f"{free / 1e6:.0f} MB left; free some space, or name a folder on another disk."
        )


@contextmanager
def _disk_errors(to: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise UserError(
                f"The disk of {shortened(to)} is full; free some space, {packages.GOES_ON}"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise UserError(
                f"Writing to {shortened(to)} is refused ({error.strerror}); name another folder."
            ) from error
        raise


def _copy(root: Path, names: Sequence[Path], to: Path) -> None:
    """These files and no others."""
    if to.exists():
        wanted = {to / name for name in names}
        for old in [path for path in to.rglob("*") if path.is_file() and path not in wanted]:
            old.unlink()
    for name in names:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, to / name)  # with its mode: a script stays one


def _copy_model(source: Path, to: Path) -> None:
    """Whole or not at all, and checked against the checksums it was prepared with."""
    verify(source)
    names = [path.name for path in sorted(source.iterdir()) if path.is_file()]
    is_whole = all((to / name).is_file() for name in names)
    if is_whole and checksums(to, names) == checksums(source, names):
        return
    partial = to.with_name(f"{to.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in names:
        shutil.copyfile(source / name, partial / name)
    if checksums(partial, names) != checksums(source, names):
        raise UserError(
            "The copy of the model differs from the model: the disk writes wrong. Use another disk."
        )
    shutil.rmtree(to, ignore_errors=True)
    partial.rename(to)


def _write_scripts(to: Path) -> None:
    python, platform = this_python()
    for name in SCRIPTS:
        text = Template((ASSETS / "kit" / name).read_text("utf-8")).safe_substitute(
            python_version=python, platform=platform
        )
        ends = "\n" if name.endswith(".sh") else "\r\n"  # the others are read on Windows, too
        save_whole(to / name, text.replace("\n", ends).encode())
    (to / "start.sh").chmod(0o755)
