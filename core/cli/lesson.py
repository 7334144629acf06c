"""The command `bench lesson`: where the time of the lesson of catastrophic forgetting goes, on this machine."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from functools import partial
from typing import Any

from core.bench import lesson
from core.bench.measure_lesson import measure
from core.cli import timing
from core.cli.output import say
from core.config import check_number
from core.errors import UserError
from core.experiments.collapse import STEPS, collapse

QUICK_STEPS = 4
QUICK_SCENARIOS = (("warm", "computed"), ("warm", "kept"))


def add_parser(actions: Any) -> None:
    parser: ArgumentParser = actions.add_parser(
        "lesson", help="where the time of the lesson of forgetting goes, from click to finished"
    )
    parser.add_argument("--rounds", type=int, default=0, help=f"0: {lesson.ROUNDS}")
    timing.add_options(
        parser,
        quick="one round, few steps, a warm worker",
        files="lesson.json and .md",
        record="make them the times the app shows",
    )
    parser.set_defaults(run=run_lesson)


def run_lesson(arguments: Namespace) -> int:
    """Measure, print the table, write it where it is wanted."""
    check_number("--rounds", arguments.rounds, 0, 100, whole=True)
    if arguments.record and (arguments.rounds or arguments.quick):
        raise UserError("A record holds all rounds and steps: give --record by itself.")
    config = collapse(steps=QUICK_STEPS if arguments.quick else STEPS)
    watch = timing.start(config.model, is_record=arguments.record)
    found = measure(
        config=config,
        command=timing.command(arguments, "lesson", options=("rounds", "quick")),
        watch=watch,
        rounds=arguments.rounds or (1 if arguments.quick else lesson.ROUNDS),
        scenarios=QUICK_SCENARIOS if arguments.quick else tuple(lesson.SCENARIOS),
        on_progress=say,
    )
    messages = [{"type": "lesson", **asdict(found)}]
    save = partial(lesson.save, found)
    timing.show(arguments, save, lesson.markdown(found), messages)
    if not lesson.is_same(found):
        raise UserError("The runs differ in loss or scores: the same lesson must give the same.")
    timing.keep(arguments, save, found.stamp.disturbed)
    return 0
