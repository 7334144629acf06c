"""The command `class`: open this computer to a room, list its classes, end and delete them."""

import os
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from core.classroom import addresses
from core.classroom.classes import USUAL_MINUTES, SchoolClass
from core.classroom.classroom import SERVER, Classroom
from core.classroom.codes import spoken
from core.classroom.delete import delete_everything
from core.classroom.qr import as_signs
from core.cli import class_link, class_results
from core.cli.options import add_json_option
from core.cli.output import emit, say
from core.paths import ROOT
from core.runs.store import RunStore
from core.typed_json import JsonObject
from core.visitor import OWNER

USUAL_PORT = 8501


def add_parser(actions: Any) -> None:
    """Add the command to the command line."""
    parser = actions.add_parser("class", help="open the app to a room, with a code and a teacher")
    what = parser.add_subparsers(dest="what", required=True)
    start = what.add_parser("start", help="begin a class and serve the app to the room")
    start.add_argument("--name", default="", help="of the class, such as 8b")
    start.add_argument("--port", type=int, default=USUAL_PORT)
    start.add_argument("--minutes", type=float, default=USUAL_MINUTES, help="until it ends")
    start.add_argument(
        "--address",
        default="",
        help="what the room types instead of this computer's address: a name, or a whole URL behind a proxy",
    )
    start.add_argument(
        "--resume", action="store_true", help="go on with the class that is open, as after a crash"
    )
    start.add_argument(
        "--no-server", action="store_true", help="only begin it, for a server that runs already"
    )
    add_json_option(start)
    start.set_defaults(run=start_class)
    for name, command, help in (
        ("list", list_classes, "every class, newest first"),
        ("end", end_class, "end a class; what its learners made stays"),
        ("delete", delete_class, "end a class and delete all that its learners made"),
    ):
        sub = what.add_parser(name, help=help)
        if name != "list":
            sub.add_argument("wanted", metavar="CLASS", help="its code or its id")
        add_json_option(sub)
        sub.set_defaults(run=command)
    class_link.add_parser(what)
    class_results.add_parser(what)


def start_class(arguments: Namespace) -> int:
    """Begin a class, say how the room and the teacher get in, and serve until interrupted."""
    address = addresses.url_of(arguments.address, arguments.port)
    if not arguments.no_server:
        addresses.check_free(arguments.port)
    room, secret = Classroom(), ""
    if arguments.resume:
        school_class = room.the_open_one()
    else:
        school_class, secret = room.classes.begin(name=arguments.name, minutes=arguments.minutes)
    room.classes.reached_at(school_class.id, address)
    link = f"{address}/teach?link={room.tickets.link(school_class.id)}"
    school_class = room.classes.get(school_class.id)
    if arguments.json:
        emit(
            message(school_class)
            | {"type": "started", "secret": spoken(secret), "teacher_link": link}
        )
    else:
        show(school_class, secret, link)
    return 0 if arguments.no_server else serve(address, arguments.port)


def show(school_class: SchoolClass, secret: str, link: str) -> None:
    """For the terminal, the teacher's part last: it is not for the projector."""
    others = [one for one in addresses.of_this_machine() if one not in school_class.address]
    print(as_signs(school_class.link))
    print(f"The room opens     {school_class.address}")
    if others:
        print(f"                   (this computer is also at {', '.join(others)})")
    print(f"Class code         {spoken(school_class.code)}")
    print(f"It ends at         {clock(school_class.ends_at)}")
    print(f"Teacher’s secret   {spoken(secret) if secret else 'as before'}")
    print(f"Teacher’s page     {link}")
    print("                   (opens once, within 15 minutes; later enter the secret)", flush=True)


def clock(at: float) -> str:
    return time.strftime("%H:%M on %d %B", time.localtime(at))


def serve(address: str, port: int) -> int:
    """The app for the room, under the names of this computer, until it is interrupted."""
    host = urlsplit(address).hostname or ""
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py")]
    command += [f"--server.port={port}", "--server.address=0.0.0.0"]
    command += [f"--server.allowedHosts={name}" for name in addresses.names(host)]
    command += [f"--browser.serverAddress={host}"]
    server = subprocess.Popen(command, cwd=ROOT, env=os.environ | {SERVER: "1"}, stdout=sys.stderr)
    try:
        return server.wait()
    except KeyboardInterrupt:
        say("The app ends. Go on with: python -m core class start --resume")
        return 0
    finally:
        server.terminate()
        server.wait()


def message(school_class: SchoolClass, n_learners: int = 0) -> JsonObject:
    return {
        "id": school_class.id,
        "name": school_class.name,
        "code": school_class.code,
        "address": school_class.address,
        "began_at": school_class.began_at,
        "ends_at": school_class.ends_at,
        "is_over": school_class.is_over,
        "n_learners": n_learners,
    }


def list_classes(arguments: Namespace) -> int:
    room = Classroom()
    counts = room.learners.counts()
    for one in room.classes.all():
        n = counts.get(one.id, 0)
        if arguments.json:
            emit(message(one, n))
            continue
        state = "over" if one.is_over else f"open until {clock(one.ends_at)}"
        name = one.name or "no name"
        print(f"{spoken(one.code)}  {name}  {n} learner{'' if n == 1 else 's'}  {state}")
    return 0


def end_class(arguments: Namespace) -> int:
    room = Classroom()
    school_class = room.classes.get(arguments.wanted)
    room.end(OWNER, school_class.id)
    return said(arguments, {"type": "ended", "id": school_class.id}, "The class is over.")


def delete_class(arguments: Namespace) -> int:
    room = Classroom()
    school_class = room.classes.get(arguments.wanted)
    delete_everything(room, RunStore(), OWNER, school_class.id)
    done = {"type": "deleted", "id": school_class.id}
    return said(arguments, done, "The class and all that its learners made are deleted.")


def said(arguments: Namespace, done: Mapping[str, object], sentence: str) -> int:
    if arguments.json:
        emit(done)
    else:
        say(sentence)
    return 0
