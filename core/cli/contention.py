"""The command `bench contention`: two things that compute at once, measured on this machine."""

import shlex
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core import catalog
from core.bench import contention
from core.cli.output import emit, say
from core.config import check_number
from core.errors import UserError
from core.experiments.record import FOLDER
from core.models import acquire
from core.quiet import Watch, refuse

OTHERWISE = "--out FOLDER without --record writes the report marked as disturbed"
QUICK_ROUNDS = 1


def add_parser(actions: Any) -> None:
    parser: ArgumentParser = actions.add_parser(
        "contention", help="two trainings at once, a busy program, a question during a training"
    )
    parser.add_argument("--rounds", type=int, default=0, help=f"default: {contention.ROUNDS}")
    parser.add_argument("--quick", action="store_true", help="one round: a look only")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write contention.json and .md")
    parser.add_argument(
        "--record",
        action="store_true",
        help="make it the record that comes with the app; refused on a busy machine",
    )
    parser.add_argument("--model", default=catalog.DEFAULT_MODEL)
    parser.add_argument("--json", action="store_true", help="one JSON object per line on stdout")
    parser.set_defaults(run=run_contention)


def run_contention(arguments: Namespace) -> int:
    """Measure, print the tables, write them where they are wanted."""
    check_number("--rounds", arguments.rounds, 0, 100, whole=True)
    if arguments.record and (arguments.rounds or arguments.quick):
        raise UserError("A record holds all rounds: give --record by itself.")
    entry = catalog.find_model(arguments.model)
    if not acquire.is_ready(entry):
        raise UserError("The model is not prepared yet; run: python -m core prepare")
    watch = Watch()
    if arguments.record:
        watch.refuse_busy(otherwise=OTHERWISE)
    for said in watch.found.disturbances:
        say(f"disturbed: {said}")
    found = contention.measure(
        model=entry.id,
        command=_command(arguments),
        watch=watch,
        rounds=arguments.rounds or (QUICK_ROUNDS if arguments.quick else contention.ROUNDS),
        on_progress=say,
    )
    if arguments.out:
        contention.save(found, arguments.out)
    if arguments.json:
        emit({"type": "contention", **asdict(found)})
        for ratio in contention.ratios(found):
            emit({"type": "ratio", **asdict(ratio), "verdict": ratio.verdict})
    else:
        print(contention.markdown(found), end="")
    if arguments.record:
        refuse(found.stamp.disturbed, otherwise=OTHERWISE)
        contention.save(found, FOLDER)
    return 0


def _command(arguments: Namespace) -> str:
    """The command that was given, without where its report goes."""
    words = ["python", "-m", "core", "bench", "contention"]
    words += ["--rounds", str(arguments.rounds)] if arguments.rounds else []
    words += ["--quick"] if arguments.quick else []
    words += ["--model", arguments.model] if arguments.model != catalog.DEFAULT_MODEL else []
    return shlex.join(words)
