"""The command `bench classroom`: many learners and a teacher on one server, through a lesson."""

from argparse import ArgumentParser, Namespace
from functools import partial
from typing import Any

from core import catalog
from core.bench import classroom
from core.cli import timing
from core.cli.options import a_path
from core.cli.output import say
from core.config import check_number
from core.errors import UserError

QUICK_LEARNERS, QUICK_MINUTES = 3, 1.0


def add_parser(actions: Any) -> None:
    parser: ArgumentParser = actions.add_parser(
        "classroom", help="many learners through a lesson: clicks, the wall, what was lost"
    )
    parser.add_argument("--learners", type=int, default=0, help=f"default: {classroom.LEARNERS}")
    parser.add_argument("--minutes", type=float, default=0, help=f"default: {classroom.MINUTES:g}")
    parser.add_argument(
        "--chromium",
        type=int,
        default=None,
        help="real browsers beside them, where installed (default: 1)",
    )
    parser.add_argument(
        "--picture",
        type=a_path,
        metavar="FILE",
        help="draw the wall as the lesson ends, 1,920 px wide",
    )
    timing.add_options(
        parser,
        quick=f"{QUICK_LEARNERS} learners for a minute",
        files="classroom.json and .md",
        record="make it the record that comes with the app",
    )
    parser.set_defaults(run=run_classroom)


def run_classroom(arguments: Namespace) -> int:
    """Measure, print the tables, write them where they are wanted; 1 where an aim is missed."""
    check_number("--learners", arguments.learners, 0, 100, whole=True)
    check_number("--minutes", arguments.minutes, 0, 240)
    if arguments.chromium is not None:
        check_number("--chromium", arguments.chromium, 0, 4, whole=True)
    if arguments.record and (
        arguments.learners not in (0, classroom.LEARNERS)
        or arguments.minutes not in (0, classroom.MINUTES)
        or arguments.quick
    ):
        raise UserError(
            f"A record holds {classroom.LEARNERS} learners for {classroom.MINUTES:g} minutes: give --record by itself."
        )
    from core.bench import real_browser  # with them comes Streamlit, which is slow to import
    from core.bench.measure_classroom import measure

    n_chromium = 1 if arguments.chromium is None else arguments.chromium
    if n_chromium or arguments.picture:
        try:
            real_browser.chromium()
        except UserError as error:
            if arguments.chromium or arguments.picture:
                raise
            say(f"Without a real browser: {error}")
            n_chromium = 0
    watch = timing.start(
        catalog.DEFAULT_MODEL,
        is_record=arguments.record,
        load_is_ours=True,  # thirty learners want more than two cores
    )
    quick = arguments.quick
    found = measure(
        n_learners=arguments.learners or (QUICK_LEARNERS if quick else classroom.LEARNERS),
        minutes=arguments.minutes or (QUICK_MINUTES if quick else classroom.MINUTES),
        n_chromium=n_chromium,
        command=timing.command(arguments, "classroom", options=("learners", "minutes", "quick")),
        watch=watch,
        picture=arguments.picture,
        on_progress=say,
    )
    save = partial(classroom.save, found)
    messages = [{"type": "classroom", **classroom.summary(found)}]
    timing.show(arguments, save, classroom.markdown(found), messages)
    timing.keep(arguments, save, found.stamp.disturbed)
    return 1 if any(aim.verdict == "missed" for aim in classroom.aims(found)) else 0
