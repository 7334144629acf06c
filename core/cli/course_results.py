"""The command `course results`: the questions before and after of all learners of this machine, as CSV."""

import sys
from argparse import Namespace
from typing import Any

from core.cli.options import add_json_option
from core.cli.output import emit
from core.course.progress import learners, progress
from core.course.quiz import Result, as_csv, items, results


def add_parser(what: Any) -> None:
    """Add it to the commands of `course`."""
    parser = what.add_parser(
        "results", help="the questions before and after, of all learners of this machine, as CSV"
    )
    add_json_option(parser)
    parser.set_defaults(run=show_results)


def show_results(arguments: Namespace) -> int:
    found = [result for name in ("", *learners()) for result in results(progress(name)).values()]
    if not arguments.json:
        sys.stdout.write(as_csv(found))
        return 0
    for result in found:
        emit(_message(result))
    return 0


def _message(result: Result) -> dict[str, object]:
    return {
        "learner": result.learner,
        "moment": result.moment,
        "form": result.form,
        "at": result.at,
        "right": result.n_right,
        "misconceptions": result.n_held,
        "of": len(items(result.form)),
    }
