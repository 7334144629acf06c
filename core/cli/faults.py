"""The command `bench faults`: what breaks the program, tried by the hundred."""

import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from core.bench.faults import (
    addresses,
    campaign,
    connections,
    damage,
    disk,
    kills,
    nodes,
    options,
    recorded_files,
    servers,
    uploads,
)
from core.bench.faults.tries import BAD, NOT_TRIED, Try
from core.cli import timing
from core.cli.options import a_path, add_json_option
from core.cli.output import emit, say
from core.config import check_choice, check_number
from core.config.command import names
from core.errors import UserError
from core.experiments.record import FOLDER

Main = Callable[[Sequence[str]], int]


def add_parser(actions: Any, *, main: Main, build_parser: Callable[[], ArgumentParser]) -> None:
    parser: ArgumentParser = actions.add_parser(
        "faults", help="kills, damaged files, hostile input: a campaign, and how each try ended"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help=f"of: {','.join(campaign.USUAL)}")
    parser.add_argument("--n", type=int, default=0, help="tries of each kind; 0: as is usual")
    parser.add_argument("--resume", action="store_true", help="go on where it was stopped")
    parser.add_argument(
        "--out", type=a_path, metavar="FOLDER", help="write tries, faults.json and .md"
    )
    parser.add_argument("--record", action="store_true", help="make it the report the app shows")
    add_json_option(parser)
    parser.set_defaults(run=partial(run_faults, main=main, build_parser=build_parser))


def kinds(main: Main, parser: ArgumentParser) -> dict[str, campaign.Kind]:
    """What is tried, in order."""
    return {
        "kills": kills.trying,
        "servers": servers.trying,
        "connections": connections.trying,
        **({"nodes": nodes.trying} if nodes.is_possible() else {}),
        "uploads": uploads.trying,
        "options": partial(options.trying, main=main, parser=parser),
        "addresses": addresses.trying,
        "disk": disk.trying,
        "damage": partial(damage.trying, main=main),
        "recorded": partial(recorded_files.trying, main=main),
    }


def run_faults(
    arguments: Namespace, *, main: Main, build_parser: Callable[[], ArgumentParser]
) -> int:
    """Try it all, print the table, write it where it is wanted. 1 where something ended badly."""
    check_number("--n", arguments.n, 0, 1_000_000, whole=True)
    only = names(arguments.only)
    if arguments.record and (only or arguments.n):
        raise UserError("A record holds the whole campaign: give --record without --only and --n.")
    every = kinds(main, build_parser())
    for kind in only:
        check_choice("The kind", kind, tuple(campaign.USUAL))
        if kind not in every:
            raise UserError(
                f"The kind {kind} takes packages that are not installed: pip install -r requirements-cluster.txt"
            )

    def show(one: Try) -> None:
        if arguments.json:
            emit({"type": "try", **asdict(one)})
        elif one.outcome in BAD:
            say(f"{one.kind} {one.number}: {one.outcome}: {one.what}")

    with tempfile.TemporaryDirectory() as passing:
        out = (arguments.out or Path(passing)).absolute()
        tries = campaign.carry_out(
            {kind: every[kind] for kind in only or every},
            seed=arguments.seed,
            n=arguments.n,
            out=out,
            resume=arguments.resume,
            on_try=show,
        )
        command = timing.command(arguments, "faults", options=("seed", "only", "n"))
        found = campaign.report(tries, seed=arguments.seed, command=command)
        if arguments.json:
            emit({"type": "faults", **asdict(found)})
        else:
            print(campaign.markdown(found))
        if arguments.out:
            campaign.write(found, out)
    if arguments.record:
        if lacking := [one.what for one in tries if one.outcome == NOT_TRIED]:
            raise UserError(f"Nothing was recorded, as not all could be tried: {lacking[0]}.")
        campaign.write(found, FOLDER)
    return 1 if found.n_bad else 0
