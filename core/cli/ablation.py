"""The command `bench ablation`: what each part of our speed gains, measured on this machine."""

import shlex
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core import catalog
from core.bench import ablation
from core.bench.ablation_parts import PARTS, WORKLOADS, parts_of
from core.cli.output import emit, say
from core.config import check_choice, check_number
from core.config.command import names
from core.errors import UserError
from core.experiments.record import FOLDER
from core.models import acquire
from core.quiet import Watch, refuse

OTHERWISE = "--out FOLDER without --record writes the report marked as disturbed"
QUICK_ROUNDS = 2


def add_parser(actions: Any) -> None:
    parser: ArgumentParser = actions.add_parser(
        "ablation", help="what each part of the speed gains, one switched off at a time"
    )
    parser.add_argument("--only", default="", help=f"of: {','.join(WORKLOADS)}")
    parser.add_argument("--parts", default="", help=f"of: {','.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=0, help="0: as each workload says")
    parser.add_argument("--quick", action="store_true", help="two rounds: a look only")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write ablation.json and .md")
    parser.add_argument(
        "--record",
        action="store_true",
        help="make it the ablation the app shows; refused on a busy machine",
    )
    parser.add_argument("--model", default=catalog.DEFAULT_MODEL)
    parser.add_argument("--json", action="store_true", help="one JSON object per line on stdout")
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
    if not acquire.is_ready(catalog.find_model(arguments.model)):
        raise UserError("The model is not prepared yet; run: python -m core prepare")
    watch = Watch()
    if arguments.record:
        watch.refuse_busy(otherwise=OTHERWISE)
    for said in watch.found.disturbances:
        say(f"disturbed: {said}")
    found = ablation.measure(
        model=arguments.model,
        command=_command(arguments),
        watch=watch,
        workloads=chosen,
        only=parts,
        rounds=arguments.rounds or (QUICK_ROUNDS if arguments.quick else 0),
        on_progress=say,
    )
    if arguments.out:
        ablation.save(found, arguments.out)
    if arguments.json:
        emit({"type": "ablation", **asdict(found)})
        for gain in ablation.gains(found):
            emit({"type": "gain", **asdict(gain) | {"part": gain.part.id}})
    else:
        print(ablation.markdown(found), end="")
    if arguments.record:
        refuse(found.stamp.disturbed, otherwise=OTHERWISE)
        ablation.save(found, FOLDER)
    return 0


def _command(arguments: Namespace) -> str:
    """The command that was given, without where its report goes."""
    words = ["python", "-m", "core", "bench", "ablation"]
    for name in ("only", "parts", "rounds"):
        if value := getattr(arguments, name):
            words += [f"--{name}", str(value)]
    words += ["--quick"] if arguments.quick else []
    words += ["--model", arguments.model] if arguments.model != catalog.DEFAULT_MODEL else []
    return shlex.join(words)
