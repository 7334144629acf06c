"""The command `bench contention`: two things that compute at once, measured on this machine."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from functools import partial
from typing import Any

from core import catalog
from core.bench import contention
from core.bench.measure_contention import measure
from core.cli import timing
from core.cli.options import add_model_option
from core.cli.output import say
from core.config import check_number
from core.errors import UserError

QUICK_ROUNDS = 1


def add_parser(actions: Any) -> None:
    parser: ArgumentParser = actions.add_parser(
        "contention", help="two trainings at once, a busy program, a question during a training"
    )
    parser.add_argument("--rounds", type=int, default=0, help=f"default: {contention.ROUNDS}")
    timing.add_options(
        parser,
        quick="one round",
        files="contention.json and .md",
        record="make it the record that comes with the app",
    )
    add_model_option(parser)
    parser.set_defaults(run=run_contention)


def run_contention(arguments: Namespace) -> int:
    """Measure, print the tables, write them where they are wanted."""
    check_number("--rounds", arguments.rounds, 0, 100, whole=True)
    if arguments.record and (arguments.rounds or arguments.quick):
        raise UserError("A record holds all rounds: give --record by itself.")
    watch = timing.start(arguments.model, is_record=arguments.record)
    found = measure(
        model=catalog.find_model(arguments.model).id,
        command=timing.command(arguments, "contention", options=("rounds", "quick", "model")),
        watch=watch,
        rounds=arguments.rounds or (QUICK_ROUNDS if arguments.quick else contention.ROUNDS),
        on_progress=say,
    )
    ratios = [
        {"type": "ratio", **asdict(ratio), "verdict": ratio.verdict}
        for ratio in contention.ratios(found)
    ]
    messages = [{"type": "contention", **asdict(found)}, *ratios]
    save = partial(contention.save, found)
    timing.show(arguments, save, contention.markdown(found), messages)
    timing.keep(arguments, save, found.stamp.disturbed)
    return 0
