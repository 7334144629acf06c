"""The command `class results`: all reports and results of a class, into a new folder."""

from argparse import Namespace
from typing import Any

from core.classroom.classroom import Classroom
from core.classwork.handing_in import handed_in, write
from core.classwork.pupils import pupils
from core.cli.options import a_path, add_json_option
from core.cli.output import emit, say
from core.data.listing import count
from core.errors import UserError
from core.runs.store import RunStore


def add_parser(what: Any) -> None:
    """Add it to the commands of `class`."""
    parser = what.add_parser("results", help="reports and results of all learners, as files")
    parser.add_argument(
        "wanted", nargs="?", default="", metavar="CLASS", help="its code or its id; else the newest"
    )
    parser.add_argument("--to", type=a_path, required=True, metavar="FOLDER", help="a new folder")
    add_json_option(parser)
    parser.set_defaults(run=write_results)


def write_results(arguments: Namespace) -> int:
    room, store = Classroom(), RunStore()
    known = room.classes.all()
    if not known:
        raise UserError("There is no class on this computer.")
    school_class = room.classes.get(arguments.wanted) if arguments.wanted else known[0]
    found = pupils(room, store, school_class.id)
    files = write(handed_in(found, store.events, marks=store.marks.all()), arguments.to)
    for file in files if arguments.json else ():
        emit({"file": str(file)})
    if not arguments.json:
        say(f"{count(len(files), 'file')} of {count(len(found), 'learner')} in {arguments.to}")
    return 0
