"""The command `bench`: our training beside the usual ways, measured on this machine."""

import shlex
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core import catalog
from core.bench import compare
from core.bench.markdown import markdown
from core.bench.report import NAME, Measured, save, write
from core.bench.speedups import disturbances, measured_once
from core.bench.workloads import SIDES, WORKLOADS, find_workload
from core.cli.output import emit, say
from core.config import check_choice, check_number
from core.config.command import names
from core.errors import UserError, quote
from core.experiments.record import FOLDER
from core.models import acquire
from core.quiet import Watch, refuse

OTHERWISE = "--out FOLDER without --record writes the report marked as disturbed"
QUICK_STEPS = 4


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--only", default="", help=f"of: {','.join(WORKLOADS)}")
    parser.add_argument("--sides", default="", help=f"of: {','.join(SIDES)}")
    parser.add_argument("--seeds", default="", help="0,1,2 (default: as each workload says)")
    parser.add_argument("--repeats", type=int, default=1, help="processes for each seed")
    parser.add_argument("--steps", type=int, default=0, help="0: as each workload says")
    parser.add_argument("--quick", action="store_true", help="few steps, one seed: a look only")
    parser.add_argument("--growth", action="store_true", help="how the cost of a step grows, too")
    parser.add_argument("--growth-only", action="store_true", help="only that")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write bench.json and bench.md")
    parser.add_argument(
        "--record",
        action="store_true",
        help="make it the report the app shows; refused on a busy machine",
    )
    parser.add_argument("--model", default=catalog.DEFAULT_MODEL)


def run_bench(arguments: Namespace) -> int:
    """Measure, print the report, write it where it is wanted.

    A report of a disturbed machine says so, and is not made the one that the app shows.
    """
    settings = _settings(arguments)
    if not acquire.is_ready(catalog.find_model(arguments.model)):
        raise UserError("The model is not prepared yet; run: python -m core prepare")

    def show(found: Measured) -> None:
        if arguments.json:
            emit({"type": "measured", **asdict(found)})
        elif found.reason:
            say(f"{found.workload}, {found.side}, seed {found.seed}: failed: {found.reason}")
        else:
            last = f", loss {found.losses[-1]:.3f}" if found.losses else ""
            say(
                f"{found.workload}, {found.side}, seed {found.seed}: last step "
                f"{found.step_s[-1]:.2f} s{last}, {found.peak_memory_mb:.0f} MB"
            )

    watch = Watch()
    if arguments.record:
        watch.refuse_busy(otherwise=OTHERWISE)
    for said in watch.found.disturbances:
        say(f"disturbed: {said}")
    report = compare.measure(
        **settings,
        watch=watch,
        model=arguments.model,
        command=_command(arguments),
        on_progress=say,
        on_measured=show,
    )
    if arguments.out:
        save(report, arguments.out / f"{NAME}.json")
        write(arguments.out / f"{NAME}.md", markdown(report))
    disturbed = disturbances(report)
    if arguments.json:
        emit({"type": "report", **asdict(report), "disturbed": disturbed})
    else:
        print(markdown(report))
    if arguments.record:
        refuse(disturbed, otherwise=OTHERWISE)
        if once := measured_once(report):
            raise UserError(f"Nothing was recorded. {once}")
        save(report, FOLDER / f"{NAME}.json")
        write(FOLDER / f"{NAME}.md", markdown(report))
    return 0


def _settings(arguments: Namespace) -> dict[str, Any]:
    """What `compare.measure` is asked for; `UserError` for what makes no sense."""
    chosen = [find_workload(name) for name in names(arguments.only) or WORKLOADS]
    for side in names(arguments.sides):
        check_choice("The side", side, tuple(SIDES))
    check_number("--repeats", arguments.repeats, 1, 20, whole=True)
    check_number("--steps", arguments.steps, 0, 1_000, whole=True)
    try:
        seeds = [int(seed) for seed in names(arguments.seeds)]
    except ValueError as error:
        raise UserError(
            f"--seeds wants whole numbers: 0,1,2; got {quote(arguments.seeds)}."
        ) from error
    return {
        "workloads": [] if arguments.growth_only else chosen,
        "sides": names(arguments.sides),
        "seeds": seeds or ([0] if arguments.quick else []),
        "repeats": arguments.repeats,
        "steps": arguments.steps or (QUICK_STEPS if arguments.quick else 0),
        "with_trials": not arguments.quick,
        "n_scored": 8 if arguments.quick else compare.N_SCORED,
        "n_starts": 0 if arguments.growth_only else 1 if arguments.quick else 3,
        "with_growth": arguments.growth or arguments.growth_only,
    }


def _command(arguments: Namespace) -> str:
    """The command that was given, without where its report goes."""
    words = ["python", "-m", "core", "bench"]
    for name in ("only", "sides", "seeds", "steps"):
        if value := getattr(arguments, name):
            words += [f"--{name}", str(value)]
    words += ["--repeats", str(arguments.repeats)] if arguments.repeats > 1 else []
    for name in ("quick", "growth", "growth_only"):
        words += [f"--{name.replace('_', '-')}"] if getattr(arguments, name) else []
    words += ["--model", arguments.model] if arguments.model != catalog.DEFAULT_MODEL else []
    return shlex.join(words)
