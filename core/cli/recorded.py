"""The command `recorded`: the runs that come with the app, listed, shown and checked."""

from argparse import Namespace
from dataclasses import asdict
from typing import Any

from core.cli.commands import show_event
from core.cli.options import add_folder_option, add_json_option
from core.cli.output import emit
from core.cli.record import title_of
from core.errors import UserError
from core.experiments.collections import wanted
from core.recorded import RecordedRun, collections, find_run
from core.recorded.answers import BASE, all_recorded
from core.recorded.check import Checked, check, problems_of_all
from core.recorded.files import size_bytes


def add_parser(actions: Any) -> None:
    """Add the command to the command line."""
    parser = actions.add_parser(
        "recorded", help="list, show or check the runs that come with the app"
    )
    what = parser.add_subparsers(dest="what", required=True)
    for name, command, help in (
        ("list", list_recorded, "every recorded run"),
        ("show", show_recorded, "the settings of a recorded run and all that it measured"),
        ("check", check_recorded, "whether all files are whole, and what is missing"),
    ):
        sub = what.add_parser(name, help=help)
        if name == "show":
            sub.add_argument("run_id", metavar="RUN")
        add_folder_option(sub)
        add_json_option(sub)
        sub.set_defaults(run=command)


def row_of(run: RecordedRun) -> dict[str, object]:
    """What `list` says of a run."""
    stamp = run.stamp
    return {
        "run_id": run.run_id,
        "collection": run.collection,
        "config": run.config_dict,
        "config_hash": run.config_hash,
        "identity": run.identity,
        "commit": stamp.commit,
        "dtype": stamp.dtype,
        "device": stamp.device,
        "machine": stamp.machine,
        "flags": stamp.flags,
        "load": asdict(stamp.quiet),
        "disturbed": stamp.disturbed,
        "recorded_at": stamp.at,
        "command": run.command,
        "seconds": run.seconds,
        "summary": asdict(run.summary),
    }


def list_recorded(arguments: Namespace) -> int:
    for one in collections(folder=arguments.folder):
        for run in one.runs:
            if arguments.json:
                emit(row_of(run))
                continue
            scores = ", ".join(f"{k} {v:.2f}" for k, v in run.summary.scores.items())
            print(f"{run.run_id}  {run.collection:12} {_title(run)}: {scores}")
    return 0


def _title(run: RecordedRun) -> str:
    try:
        return title_of(run.config)
    except UserError as error:  # of another version
        return str(error)


def show_recorded(arguments: Namespace) -> int:
    run = find_run(arguments.run_id, folder=arguments.folder)
    pairs = zip(run.events(), run.times(), strict=True)
    if arguments.json:
        emit(row_of(run))
        for event, at in pairs:
            emit({**event.to_dict(), "at": at})
        return 0
    print(f"{run.collection}: {_title(run)}\n{run.where}\n{run.command}")
    for event, _ in pairs:
        show_event(event)
    return 0


def check_recorded(arguments: Namespace) -> int:
    """1 when something is wrong; what is missing is said, and is no mistake."""
    found, all_problems = (
        check(wanted(), folder=arguments.folder),
        problems_of_all(arguments.folder),
    )
    for one in found:
        if arguments.json:
            emit({**asdict(one), "n_missing": len(one.missing)})
        else:
            print(_words(one))
    n_asked = 0 if all_problems else len(all_recorded(folder=arguments.folder))
    if arguments.json:
        emit({"collection": BASE, "n_answers": n_asked})
    else:
        print(f"{BASE}: {n_asked} answers of the base model")
    n_bytes, n_runs = size_bytes(arguments.folder), sum(one.n_runs for one in found)
    if arguments.json:
        emit({"collection": "all", "n_runs": n_runs, "n_bytes": n_bytes, "problems": all_problems})
    else:
        print(f"all: {n_runs} runs, {n_bytes / 2**20:.2f} MB")
        for problem in all_problems:
            print(f"  {problem}")
    return 1 if all_problems or any(one.problems for one in found) else 0


def _words(one: Checked) -> str:
    missing = f", {len(one.missing)} missing" if one.missing else ""
    unknown = "" if one.n_wanted else "; nothing defines this collection any more"
    said = f"{one.collection}: {one.n_runs} runs, {one.n_bytes / 2**20:.2f} MB{missing}{unknown}"
    return "\n".join([said, *(f"  {problem}" for problem in one.problems)])
