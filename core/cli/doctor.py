"""The command `doctor`: why a run went as it did, and which run to try next."""

from argparse import Namespace
from typing import Any

from core.cli.options import add_json_option
from core.cli.output import emit
from core.config.command import command_of
from core.doctor.case import Case
from core.doctor.diagnosis import Diagnosis
from core.doctor.doctor import diagnose
from core.runs.store import RunStore

NOTHING = "No likely cause of trouble shows in what was measured."


def add_parser(actions: Any) -> None:
    """Add the command to the command line."""
    parser = actions.add_parser("doctor", help="why a run went as it did, and what to try next")
    parser.add_argument("--run", dest="run_id", metavar="ID", required=True)
    add_json_option(parser)
    parser.set_defaults(run=doctor)


def doctor(arguments: Namespace) -> int:
    """The likeliest cause first. The command of a next run with mended pairs names them by their address."""
    store = RunStore()
    run = store.get(arguments.run_id)
    found = diagnose(Case.of(run.config, store.events(run.id)))
    for one in found:
        command = command_of(one.next.ready()) if one.next else ""
        if arguments.json:
            emit(_message(one, command))
            continue
        print(one.sentence)
        print(f"  {one.measure}: {one.figure:.3g} (limit {one.limit:.3g})")
        print(f"  Next: {one.next.change}\n  {command}" if one.next else f"  {one.advice}")
    if arguments.json:
        emit({"type": "doctor", "run_id": run.id, "causes": [one.cause for one in found]})
    elif not found:
        print(NOTHING)
    return 0


def _message(one: Diagnosis, command: str) -> dict[str, object]:
    return {
        "type": "diagnosis",
        "cause": one.cause,
        "said": one.sentence,
        "measure": one.measure,
        "figure": one.figure,
        "limit": one.limit,
        "strength": one.strength,
        "next": one.next.change if one.next else "",
        "command": command,
        "advice": one.advice,
    }
