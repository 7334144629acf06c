"""Is everything of an offline kit there, as it was written, and are its packages enough? Imports no torch."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.kit import packages
from core.kit.contents import APP, PACKAGES, Kit, files_of, measured, read_list, this_python

SHOWN = 5
"""Names in a sentence."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    kit: Kit
    problems: tuple[str, ...]
    """Sentences; none where all is well."""
    notes: tuple[str, ...]
    """What could not be looked at here."""


def check(folder: Path, *, on_progress: Callable[[str], None] = lambda text: None) -> Checked:
    """Read every file, and have pip try the installation without a network and without installing.

    Raises `UserError` where there is no kit.
    """
    kit = read_list(folder)
    here = set(files_of(folder))
    missing = [name for name in kit.sizes if not (folder / name).is_file()]
    present = [name for name in kit.sizes if name not in missing]
    on_progress(f"{len(present)} files")
    sizes, sha256 = measured(folder, present)
    changed = [
        name
        for name in present
        if (sizes[name], sha256[name]) != (kit.sizes[name], kit.sha256[name])
    ]
    strange = sorted(name for name in here - set(kit.sizes) if name.startswith(f"{PACKAGES}/"))
    problems = [
        f"{what}: {_names(names)}. Make the kit anew; it goes on where something is missing."
        for what, names in (
            ("Missing", missing),
            ("Damaged", changed),
            ("Not of this kit", strange),
        )
        if names
    ]
    notes: list[str] = []
    python, platform = this_python()
    if (python, platform) != (kit.python, kit.platform):
        notes.append(
            f"The packages are for Python {kit.python} on {kit.platform}; this is Python {python} on "
            f"{platform}, so whether they are enough was not tried."
        )
    elif not problems:
        on_progress("whether the packages are enough")
        try:
            packages.resolves(folder / APP / "requirements.txt", folder / PACKAGES)
        except UserError as error:
            problems.append(f"The packages are not enough: {error}")
    return Checked(kit=kit, problems=tuple(problems), notes=tuple(notes))


def _names(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
