"""The command `bench`: our training beside the usual ways, measured on this machine."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TypedDict

from core.bench import compare
from core.bench.markdown import markdown
from core.bench.records import write
from core.bench.report import NAME, Measured, save
from core.bench.speedups import disturbances, measured_once
from core.bench.workloads import SIDES, WORKLOADS, Workload, find_workload
from core.cli import timing
from core.cli.options import add_model_option
from core.cli.output import emit, say
from core.config import check_choice, check_number
from core.config.command import names
from core.errors import UserError, quote

QUICK_STEPS = 4
OPTIONS = ("only", "sides", "seeds", "steps", "repeats", "quick", "growth", "growth_only", "model")
"""What the recorded command tells."""


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--only", default="", help=f"of: {','.join(WORKLOADS)}")
    parser.add_argument("--sides", default="", help=f"of: {','.join(SIDES)}")
    parser.add_argument("--seeds", default="", help="0,1,2 (default: as each workload says)")
    parser.add_argument("--repeats", type=int, default=1, help="processes for each seed")
    parser.add_argument("--steps", type=int, default=0, help="0: as each workload says")
    parser.add_argument("--growth", action="store_true", help="how the cost of a step grows, too")
    parser.add_argument("--growth-only", action="store_true", help="only that")
    timing.add_options(
        parser,
        quick="few steps, one seed",
        files="bench.json and bench.md",
        record="make it the report the app shows",
    )
    add_model_option(parser)
    parser.set_defaults(run=run_bench)


def run_bench(arguments: Namespace) -> int:
    """Measure, print the report, write it where it is wanted.

    A report of a disturbed machine says so, and is not made the one that the app shows.
    """
    asked = _asked(arguments)

    def show_one(found: Measured) -> None:
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

    watch = timing.start(arguments.model, is_record=arguments.record)
    report = compare.measure(
        **asked,
        watch=watch,
        model=arguments.model,
        command=timing.command(arguments, options=OPTIONS),
        on_progress=say,
        on_measured=show_one,
    )
    text, disturbed = markdown(report), disturbances(report)

    def save_to(folder: Path) -> None:
        save(report, folder / f"{NAME}.json")
        write(folder / f"{NAME}.md", text)

    messages = [{"type": "report", **asdict(report), "disturbed": disturbed}]
    timing.show(arguments, save_to, text, messages)
    timing.keep(arguments, save_to, disturbed, unfit=measured_once(report))
    return 0


class Asked(TypedDict):
    """What `compare.measure` is asked for."""

    workloads: list[Workload]
    sides: tuple[str, ...]
    seeds: list[int]
    repeats: int
    steps: int
    with_trials: bool
    n_scored: int
    n_starts: int
    with_growth: bool


def _asked(arguments: Namespace) -> Asked:
    """`UserError` for what makes no sense."""
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
