"""The commands `kit offline`, which gathers all that a room without internet needs, and `kit check`."""

import argparse
from argparse import Namespace
from typing import Any

from core import catalog
from core.cli.options import a_path, add_json_option, add_model_option
from core.cli.output import emit, say
from core.kit.check import check
from core.kit.contents import Kit
from core.kit.gather import gather
from core.paths import ROOT


def add_parser(actions: Any) -> None:
    """Add `kit` to the command line."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "kit", help="the app as one folder for a room without internet"
    )
    what: Any = parser.add_subparsers(dest="what", required=True, parser_class=parser.__class__)
    offline = what.add_parser(
        "offline", help="gather app, model and packages; goes on when stopped"
    )
    offline.add_argument("--to", type=a_path, required=True, metavar="FOLDER")
    offline.add_argument(
        "--requirements",
        type=a_path,
        default=ROOT / "requirements.txt",
        metavar="FILE",
        help="other packages than requirements.txt names",
    )
    add_model_option(offline, help_text="catalogue id")
    add_json_option(offline)
    offline.set_defaults(run=make_kit)
    checking = what.add_parser("check", help="is everything there, undamaged and enough?")
    checking.add_argument("folder", type=a_path, metavar="FOLDER")
    add_json_option(checking)
    checking.set_defaults(run=check_kit)


def make_kit(arguments: Namespace) -> int:
    def show(text: str) -> None:
        if arguments.json:
            emit({"type": "progress", "message": text})
        else:
            say(text)

    kit = gather(
        arguments.to,
        model=catalog.find_model(arguments.model),
        requirements=arguments.requirements,
        on_progress=show,
    )
    if arguments.json:
        emit({"type": "kit", "folder": str(arguments.to), **_facts(kit)})
    else:
        print(f"The kit is in {arguments.to}: {_words(kit)}. Its README.txt says how to start it.")
    return 0


def check_kit(arguments: Namespace) -> int:
    """1 where something is wrong with it."""
    found = check(arguments.folder, on_progress=say)
    if arguments.json:
        said = {"problems": [*found.problems], "notes": [*found.notes]}
        emit({"type": "checked", **said, **_facts(found.kit)})
        return 1 if found.problems else 0
    for said in (*found.problems, *found.notes):
        print(said)
    if not found.problems:
        print(f"Nothing is wrong with this kit: {_words(found.kit)}.")
    return 1 if found.problems else 0


def _facts(kit: Kit) -> dict[str, object]:
    return {
        "python": kit.python,
        "platform": kit.platform,
        "model": kit.model,
        "n_packages": kit.n_packages,
        "n_files": len(kit.sizes),
        "n_bytes": kit.n_bytes,
    }


def _words(kit: Kit) -> str:
    return (
        f"{kit.n_packages} packages for Python {kit.python} on {kit.platform}, the model {kit.model} and the app, "
        f"{len(kit.sizes):,} files with {kit.n_bytes / 1e6:,.0f} MB"
    )
