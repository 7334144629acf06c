"""The command `bench lesson`: where the time of the lesson of catastrophic forgetting goes, on this machine."""

import shlex
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core import catalog
from core.bench import lesson
from core.cli.output import emit, say
from core.config import check_number
from core.errors import UserError
from core.experiments.collapse import STEPS, collapse
from core.experiments.record import FOLDER
from core.models import acquire
from core.quiet import Watch, refuse

OTHERWISE = "--out FOLDER without --record writes the report marked as disturbed"
QUICK_STEPS = 4
QUICK_SCENARIOS = (("warm", "computed"), ("warm", "kept"))


def add_parser(actions: Any) -> None:
    parser: ArgumentParser = actions.add_parser(
        "lesson", help="where the time of the lesson of forgetting goes, from click to finished"
    )
    parser.add_argument("--rounds", type=int, default=0, help=f"0: {lesson.ROUNDS}")
    parser.add_argument(
        "--quick", action="store_true", help="one round, few steps, a warm worker: a look only"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write lesson.json and .md")
    parser.add_argument(
        "--record",
        action="store_true",
        help="make them the times the app shows; refused on a busy machine",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per line on stdout")
    parser.set_defaults(run=run_lesson)


def run_lesson(arguments: Namespace) -> int:
    """Measure, print the table, write it where it is wanted."""
    check_number("--rounds", arguments.rounds, 0, 100, whole=True)
    if arguments.record and (arguments.rounds or arguments.quick):
        raise UserError("A record holds all rounds and steps: give --record by itself.")
    config = collapse(steps=QUICK_STEPS if arguments.quick else STEPS)
    if not acquire.is_ready(catalog.find_model(config.model)):
        raise UserError("The model is not prepared yet; run: python -m core prepare")
    watch = Watch()
    if arguments.record:
        watch.refuse_busy(otherwise=OTHERWISE)
    for said in watch.found.disturbances:
        say(f"disturbed: {said}")
    found = lesson.measure(
        config=config,
        command=_command(arguments),
        watch=watch,
        rounds=arguments.rounds or (1 if arguments.quick else lesson.ROUNDS),
        scenarios=QUICK_SCENARIOS if arguments.quick else tuple(lesson.SCENARIOS),
        on_progress=say,
    )
    if arguments.out:
        lesson.save(found, arguments.out)
    if arguments.json:
        emit({"type": "lesson", **asdict(found)})
    else:
        print(lesson.markdown(found), end="")
    if not lesson.is_same(found):
        raise UserError("The runs differ in loss or scores: the same lesson must give the same.")
    if arguments.record:
        refuse(found.stamp.disturbed, otherwise=OTHERWISE)
        lesson.save(found, FOLDER)
    return 0


def _command(arguments: Namespace) -> str:
    """The command that was given, without where its report goes."""
    words = ["python", "-m", "core", "bench", "lesson"]
    words += ["--rounds", str(arguments.rounds)] if arguments.rounds else []
    words += ["--quick"] if arguments.quick else []
    return shlex.join(words)
