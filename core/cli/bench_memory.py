"""The command `bench memory`: does a training worker grow from run to run?"""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from typing import Any

from core import catalog
from core.bench import memory
from core.cli import timing
from core.cli.options import a_path, add_json_option, add_model_option
from core.cli.output import emit, say
from core.config import METHODS, check_number
from core.errors import UserError
from core.experiments.record import FOLDER
from core.models import acquire


def add_parser(actions: Any) -> None:
    parser: ArgumentParser = actions.add_parser(
        "memory", help="what a training worker holds after each of many short runs"
    )
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--out", type=a_path, metavar="FOLDER", help="write memory.json and .svg")
    parser.add_argument("--record", action="store_true", help="keep it with the app's records")
    add_model_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run_memory)


def run_memory(arguments: Namespace) -> int:
    """Measure, say what was found; 1 when the worker grew by more than it may."""
    check_number("--runs", arguments.runs, 2 * len(METHODS), 10_000, whole=True)
    if arguments.record and arguments.runs < 100:
        raise UserError("A record holds 100 runs at least.")
    acquire.ready_dir(catalog.find_model(arguments.model))

    def show(number: int, method: str, held_mb: float) -> None:
        if arguments.json:
            emit({"type": "held", "run": number + 1, "method": method, "held_mb": held_mb})
        else:
            say(f"run {number + 1:3d}  {method:8} {held_mb:7,.0f} MB")

    found = memory.measure(
        model=arguments.model,
        n_runs=arguments.runs,
        command=timing.command(arguments, "memory", options=("runs", "model")),
        on_run=show,
    )
    if arguments.out:
        memory.save(found, arguments.out)
    if arguments.record:
        memory.save(found, FOLDER)
    if arguments.json:
        emit({"type": "memory", **asdict(found), "growth_mb": found.growth_mb})
    else:
        print(f"{found.finding}.")
    return 0 if found.growth_mb < memory.MOST_GROWTH_MB and found.n_workers == 1 else 1
