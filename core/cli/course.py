"""The command `course`: what the lessons consist of, whether all of it is right, and the teacher's kit."""

from argparse import Namespace
from dataclasses import asdict
from typing import Any

from core.cli import challenges as challenge_commands
from core.cli import course_results
from core.cli.options import a_path
from core.cli.output import emit, say
from core.course.challenges import challenges
from core.course.check import Checked, check
from core.course.content import FOLDER, lesson
from core.course.kit import write_kit
from core.course.lessons import LESSONS

COUNTS = ("predictions", "questions", "challenges", "terms")


def add_parser(actions: Any) -> None:
    """Add the command to the command line."""
    parser = actions.add_parser("course", help="the lessons' texts, predictions and questions")
    what = parser.add_subparsers(dest="what", required=True)
    for name, command, help in (
        ("list", list_course, "what each lesson consists of"),
        ("check", check_course, "missing pieces, dead links, typed or unknown figures"),
        ("kit", make_kit, "teacher's notes and worksheets as HTML that prints well"),
    ):
        sub = what.add_parser(name, help=help)
        sub.add_argument(
            "--folder", type=a_path, default=FOLDER, help="another folder, such as a translation"
        )
        if name == "kit":
            sub.add_argument(
                "--to", type=a_path, required=True, metavar="FOLDER", help="a new folder"
            )
        sub.add_argument("--json", action="store_true", help="one JSON object per line on stdout")
        sub.set_defaults(run=command)
    challenge_commands.add_parsers(what)
    course_results.add_parser(what)


def list_course(arguments: Namespace) -> int:
    for page in LESSONS:
        found = lesson(page.id, folder=arguments.folder)
        counts = {
            "predictions": len(found.predictions),
            "questions": len(found.questions),
            "challenges": len(challenges(page.id, folder=arguments.folder)),
            "terms": len(found.terms),
        }
        if arguments.json:
            emit(
                {
                    "lesson": page.id,
                    "title": page.title,
                    "minutes": found.teaching.minutes,
                    **counts,
                }
            )
        else:
            print(f"{page.id:13} {', '.join(f'{n} {name}' for name, n in counts.items())}")
    return 0


def check_course(arguments: Namespace) -> int:
    """1 when something is wrong; what is not recorded yet is said, and is no mistake."""
    found = check(folder=arguments.folder)
    for one in found:
        if arguments.json:
            emit(asdict(one))
        else:
            print(_words(one))
    return 1 if any(one.problems for one in found) else 0


def make_kit(arguments: Namespace) -> int:
    files = write_kit(arguments.to, folder=arguments.folder)
    for path in files:
        if arguments.json:
            emit({"file": str(path)})
        else:
            say(str(path))
    return 0


def _words(one: Checked) -> str:
    counts = ", ".join(f"{getattr(one, name)} {name}" for name in COUNTS)
    lines = [f"{one.lesson}: {counts}", *(f"  {problem}" for problem in one.problems)]
    if one.not_recorded:
        lines.append(f"  not recorded yet, which is no mistake: {', '.join(one.not_recorded)}")
    return "\n".join(lines)
