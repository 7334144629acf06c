"""The command `bench ablation`: what each part of our speed gains, measured on this machine."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from functools import partial
from typing import Any

from core.bench import ablation
from core.bench.ablation_parts import PARTS, WORKLOADS, parts_of
from core.cli import timing
from core.cli.options import add_model_option
from core.cli.output import say
from core.config import check_choice, check_number
from core.config.command import names
from core.errors import UserError

QUICK_ROUNDS = 2


def add_parser(actions: Any) -> None:
    parser: ArgumentParser = actions.add_parser(
        "ablation", help="what each part of the speed gains, one switched off at a time"
    )
    parser.add_argument("--only", default="", help=f"of: {','.join(WORKLOADS)}")
    parser.add_argument("--parts", default="", help=f"of: {','.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=0, help="0: as each workload says")
    timing.add_options(
        parser,
        quick="two rounds",
        files="ablation.json and .md",
        record="make it the ablation the app shows",
    )
    add_model_option(parser)
    parser.set_defaults(run=run_ablation)


def run_ablation(arguments: Namespace) -> int:
    """Measure, print the table, write it where it is wanted."""
    only, parts = tuple(names(arguments.only)), tuple(names(arguments.parts))
    for workload in only:
        check_choice("The workload", workload, tuple(WORKLOADS))
    chosen = only or tuple(WORKLOADS)
    if not any(parts_of(workload, parts) for workload in chosen):
        raise UserError("None of these parts is at work there.")
    check_number("--rounds", arguments.rounds, 0, 100, whole=True)
    if arguments.record and (only or parts or arguments.rounds or arguments.quick):
        raise UserError("A record holds all parts and rounds: give --record by itself.")
    watch = timing.start(arguments.model, is_record=arguments.record)
    found = ablation.measure(
        model=arguments.model,
        command=timing.command(
            arguments, "ablation", options=("only", "parts", "rounds", "quick", "model")
        ),
        watch=watch,
        workloads=chosen,
        only=parts,
        rounds=arguments.rounds or (QUICK_ROUNDS if arguments.quick else 0),
        on_progress=say,
    )
    gains = [
        {"type": "gain", **asdict(gain) | {"part": gain.part.id}} for gain in ablation.gains(found)
    ]
    messages = [{"type": "ablation", **asdict(found)}, *gains]
    save = partial(ablation.save, found)
    timing.show(arguments, save, ablation.markdown(found), messages)
    timing.keep(arguments, save, found.stamp.disturbed)
    return 0
