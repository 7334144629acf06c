"""What the commands that time something share: their options, a watch over the machine, showing, recording.

Each adds its options, starts a watch, measures, shows what was found and keeps it where `--record` asks for
it: from a quiet machine only.
"""

import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from core import catalog
from core.cli.options import USUAL_MODEL, a_path, add_json_option
from core.cli.output import emit, say
from core.errors import UserError
from core.experiments.record import FOLDER
from core.models import acquire
from core.quiet import Watch, refuse

OTHERWISE = "--out FOLDER without --record writes the report marked as disturbed"
Save = Callable[[Path], None]
"""Writes what was found into a folder."""


def add_options(parser: ArgumentParser, *, quick: str, files: str, record: str) -> None:
    """--quick, --out, --record and --json, with what they mean here."""
    parser.add_argument("--quick", action="store_true", help=f"{quick}: a look only")
    parser.add_argument("--out", type=a_path, metavar="FOLDER", help=f"write {files}")
    parser.add_argument(
        "--record", action="store_true", help=f"{record}; refused on a busy machine"
    )
    add_json_option(parser)


def start(model: str, *, is_record: bool, load_is_ours: bool = False) -> Watch:
    """A watch over the machine; `UserError` without the model, and of a record on a busy machine."""
    if not acquire.is_ready(catalog.find_model(model)):
        raise UserError("The model is not prepared yet; run: python -m core prepare")
    watch = Watch()
    watch.load_is_ours = load_is_ours
    if is_record:
        watch.refuse_busy(otherwise=OTHERWISE)
    for said in watch.found.disturbances:
        say(f"disturbed: {said}")
    return watch


def show(
    arguments: Namespace, save: Save, text: str, messages: Iterable[Mapping[str, object]]
) -> None:
    """Write it where `--out` says, then print it: as text, or as the messages of `--json`."""
    if arguments.out:
        save(arguments.out)
    if arguments.json:
        for message in messages:
            emit(message)
    else:
        print(text, end="")


def keep(arguments: Namespace, save: Save, disturbed: Sequence[str], *, unfit: str = "") -> None:
    """With `--record` make it what comes with the app; `UserError` where it is disturbed or `unfit` for that."""
    if arguments.record:
        refuse(disturbed, otherwise=OTHERWISE)
        if unfit:
            raise UserError(f"Nothing was recorded. {unfit}")
        save(FOLDER)


def command(arguments: Namespace, *words: str, options: Sequence[str]) -> str:
    """The command that was given, with those of these options that were; without where its report goes."""
    given = ["python", "-m", "core", "bench", *words]
    for name in options:
        value = getattr(arguments, name)
        option = f"--{name.replace('_', '-')}"
        if value is True:
            given.append(option)
        elif value and value != USUAL.get(name):
            given += [option, str(value)]
    return shlex.join(given)


USUAL = {"model": USUAL_MODEL, "repeats": 1}
"""What need not be said; other options are empty, 0 or false as a rule."""
